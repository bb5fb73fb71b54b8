// Package errand has a controller that stands by ask the one that leads a cell of the site for what only that can do: talk
// to the readers of the cell. One that leads a cell asks those of other cells in the same way. Both have the site's database open, and speak through it, in messages that nobody keeps
// (store.Store.Post). Whoever may connect to the database can listen and post, too: each message is sealed
// with the site's storage key, and bound to its conversation, its direction and its place there.
//
//	stand-by                                leader
//	ask            ------------------------>  a conversation begins
//	               <------------------------  challenge, or status
//	order          ------------------------>  begun in time after the challenge, or never
//	               <------------------------  alive, each second
//	               <------------------------  card
//	what to do     ------------------------>
//	               <------------------------  result
//
// The leader makes the challenge, at random, when it is asked, and takes one order with it. The order says
// how long after the challenge it may be begun, by the leader's monotonic clock. So an order that was held
// back, or is repeated, comes to nothing, whatever clocks say, and of two controllers that both think they
// lead one carries it out: that whose challenge the stand-by took. An ask names the newest beat of the lead that
// the stand-by finds in the database; the leader begins nothing with one that is older than a few beats, or of another
// term.
//
// While controllers are upgraded one after the other, both ends may be of several versions. Each message begins with the
// version of all messages, and where to answer, in a form that stays; one of another version is not read beyond that. The
// leader answers it, so whoever asked sees which of both is the older.
package errand

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// aliveEvery is how often the leader says that it still does.
const aliveEvery = time.Second

// limits are the times within which parts of a conversation have to come. Both ends have the usual ones.
type limits struct {
	answer time.Duration // the first answer: how long a stand-by waits until somebody leads
	alive  time.Duration // the next message of the leader
	status time.Duration // the rest of a status that has begun to come
	order  time.Duration // when an order may be begun after the challenge, at most
	card   time.Duration // what to do with a card: the reader waits for 10 s
	part   time.Duration // how long an end tries to say the last that it has to

	// How long a status, or that none came, is good for: one page asks several times. A status is good until something is
	// committed: what readers report is, and pages are shown anew then.
	keep time.Duration
}

func usual() limits {
	return limits{answer: 2 * time.Second, alive: 5 * time.Second, status: 5 * time.Second, order: 5 * time.Second, card: 8 * time.Second, part: 2 * time.Second, keep: time.Second}
}

// askBeats is how many beats of the lead old an ask may be: four seconds.
const askBeats = 8

// maxConversations is how many conversations a controller has at once. Each ends when its order does.
const maxConversations = 64

// Bounds of a message, in bytes: one about an order, and a status.
const maxMessage, maxStatus = 64 << 10, 4 << 20

// A kind is the kind of a message.
type kind uint8

const (
	askStatus kind = iota + 1
	askOrder
	giveOrder
	answerCard // what to do with a card
	leave      // nobody waits for the order any more

	challenge
	busy // the leader has too many conversations
	alive
	card // what was shown to the reader
	result
	status

	foreign kind = 255 // it is of another version, and nothing else is known of it; never sent
)

// messages is the version of all messages. It rises when one changes, or what of package wire is in one.
const messages = 1

// A message is one of either end.
type message struct {
	Version uint8           `cbor:"-"` // of one that was heard
	ReplyTo id              `cbor:"-"` // of an ask
	Kind    kind            `cbor:"1,keyasint"`
	Order   *order          `cbor:"3,keyasint,omitempty"`
	Card    *wire.CardToKey `cbor:"4,keyasint,omitempty"` // of an enrolment the UID only
	Answer  *answer         `cbor:"5,keyasint,omitempty"`
	Result  *outcome        `cbor:"6,keyasint,omitempty"`
	Status  []byte          `cbor:"7,keyasint,omitempty"`
	Term    uint64          `cbor:"8,keyasint,omitempty"` // store.Beat, of an ask
	Beat    uint64          `cbor:"9,keyasint,omitempty"`
}

// An id is random.
type id [16]byte

// An order is a store.Order. Its times are in milliseconds after the challenge was made.
type order struct {
	ID         wire.CommandID `cbor:"1,keyasint"`
	Reader     string         `cbor:"2,keyasint"`
	Order      wire.Order     `cbor:"3,keyasint"`
	Who        string         `cbor:"4,keyasint"`
	InLockdown bool           `cbor:"5,keyasint,omitempty"`
	ActorID    string         `cbor:"6,keyasint,omitempty"`
	ActorName  string         `cbor:"7,keyasint,omitempty"`
	Extra      string         `cbor:"8,keyasint,omitempty"`
	Start      uint64         `cbor:"9,keyasint"`            // until when the leader may begin it
	By         uint64         `cbor:"10,keyasint,omitempty"` // until when the reader may carry it out; 0: as the link does it
}

// An answer says what to do with a card.
type answer struct {
	Text string            `cbor:"1,keyasint,omitempty"`
	OK   bool              `cbor:"2,keyasint,omitempty"`
	Keys *wire.CardKeySets `cbor:"3,keyasint,omitempty"`
}

// An outcome is a link.OrderResult, or an error.
type outcome struct {
	Done   bool    `cbor:"1,keyasint,omitempty"`
	Unsent bool    `cbor:"2,keyasint,omitempty"`
	Text   string  `cbor:"3,keyasint,omitempty"`
	Record []byte  `cbor:"4,keyasint,omitempty"`
	Failed failure `cbor:"5,keyasint,omitempty"`
}

// A failure is the kind of an error that the leader had: who asked gets it as their own.
type failure uint8

const (
	late failure = iota + 1
	gone
	unavailable // Text is its reason
	unsure      // Text is the database
	full        // Text is the path
	other
)

// maxText bounds a text for people, in bytes.
const maxText = 1024

// plain returns a text as it can be sent.
func plain(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxText)], "")
}

// outcomeOf returns what came of an order as it is sent.
func outcomeOf(r link.OrderResult, err error) *outcome {
	var away *store.UnavailableError
	var doubt *store.UnsureError
	var disk *store.FullError
	switch {
	case err == nil:
		o := &outcome{Done: r.Done, Unsent: r.Unsent, Text: plain(r.Text.String())}
		if r.Record != nil {
			o.Record = wire.Marshal(r.Record)
		}
		return o
	case errors.As(err, &away):
		return &outcome{Failed: unavailable, Text: plain(away.Reason.String())}
	case errors.As(err, &doubt):
		return &outcome{Failed: unsure, Text: plain(doubt.Database)}
	case errors.As(err, &disk):
		return &outcome{Failed: full, Text: plain(cmp.Or(disk.Path, "the database "+disk.Database))}
	case errors.Is(err, context.DeadlineExceeded):
		return &outcome{Failed: late}
	case errors.Is(err, context.Canceled):
		return &outcome{Failed: gone}
	}
	return &outcome{Failed: other, Text: plain(err.Error())}
}

// result is the reverse of outcomeOf.
func (o *outcome) result(id wire.CommandID) (link.OrderResult, error) {
	switch o.Failed {
	case 0:
	case late:
		return link.OrderResult{}, errLate
	case gone:
		return link.OrderResult{}, errGone
	case unavailable:
		return link.OrderResult{}, &store.UnavailableError{Reason: language.Data(o.Text)}
	case unsure:
		return link.OrderResult{}, &store.UnsureError{Database: o.Text}
	case full:
		return link.OrderResult{}, &store.FullError{Path: o.Text}
	default:
		return link.OrderResult{}, language.Data(o.Text)
	}
	r := link.OrderResult{ID: id, Done: o.Done, Unsent: o.Unsent, Text: language.Data(o.Text)}
	if len(o.Record) == 0 {
		return r, nil
	}
	record, err := wire.ParseRecord(o.Record)
	if err != nil {
		return link.OrderResult{ID: id, Text: doubtful}, nil
	}
	r.Record = record
	return r, nil
}

// What people are told.
var (
	errNobody      = &store.UnavailableError{Reason: language.Say("no controller leads this site now, so readers cannot be reached; nothing was done. Doors work by themselves meanwhile: try again in some seconds")}
	errNobodyThere = &store.UnavailableError{Reason: language.Say("no controller leads the cell of this reader now, so it cannot be reached; nothing was done. Its door works by itself meanwhile: try again in some seconds")}
	errBusyHere    = &store.UnavailableError{Reason: language.Say("this controller asks the one that leads this site for too much at once; nothing was done. Try again in some seconds")}
	errBusy        = &store.UnavailableError{Reason: language.Say("the controller that leads this site is asked for too much at once; nothing was done. Try again in some seconds")}
	errLate        = &store.UnavailableError{Reason: language.Say("the order came too late to the controller that leads this site, so the reader was not asked for anything; nothing was done. Try again")}
	errGone        = &store.UnavailableError{Reason: language.Say("the controller that led this site has just stopped leading, before it began with this; nothing was done. Try again in some seconds")}
)

// otherVersion is what people are told when the leader's messages are of another version.
func otherVersion(leader uint8) error {
	if leader < messages {
		return &store.UnavailableError{Reason: language.Say("the controller that leads this site is of an older version than this one, and they do not understand each other, so readers cannot be reached from here; nothing was done. Do this at the one that leads, or upgrade that one")}
	}
	return &store.UnavailableError{Reason: language.Say("this controller is of an older version than the one that leads this site, and they do not understand each other, so readers cannot be reached from here; nothing was done. Do this at the one that leads, or upgrade this one")}
}

// doubtful is what came of an order that may have been begun.
var doubtful = language.Say("the controller that leads this site does not answer any more: the order may be carried out or not, and the reader's record will say so; look before you try again")

// unanswered is what a reader's card gets when the stand-by says nothing.
const unanswered = "the controller at which this was ordered did not say in time what to do with the card; do it again"
