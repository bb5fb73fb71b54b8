package sync

import (
	"time"

	"latchkey/sync/wire"
)

// An Action is something for the client to carry out: to the broker Publish, Resubscribe,
// Drop; to the disk Resume, Survey, Apply, PutKey, Begin, PutChunks,
// StorePolicy, ReadRecords, TrimRecords; CardAnswered to who waits for it; or News for
// the reader. Of those for the cache one is under way at a time, and one each of the
// last three for the disk.
type Action interface{ action() }

// Publish sends a message with QoS 1. Only an answer of the controller confirms
// its arrival.
type Publish struct {
	Topic    string
	Payload  []byte
	Retained bool
}

// Resubscribe subscribes to a topic again, so that the broker delivers its
// retained message. The client subscribes to all of them.
type Resubscribe struct{ Topic string }

// Drop closes the connection; the client makes a new one.
type Drop struct{ Why string }

// Resume continues a snapshot that was being received when the reader stopped.
type Resume struct{}

// Survey asks for the state of the cache.
type Survey struct{}

// Apply applies deltas, in order, up to the first that fails.
type Apply struct{ Deltas []*wire.VerifiedDelta }

// PutKey stores the keys of an epoch. The one who stores them wipes them.
type PutKey struct {
	Epoch uint64
	Keys  *wire.EpochKeys
}

// Begin begins to receive the snapshot of a manifest.
type Begin struct{ Manifest *wire.VerifiedManifest }

// PutChunks stores chunks of a snapshot.
type PutChunks struct {
	Of     wire.Position
	Chunks []wire.ChunkPart
}

// StorePolicy stores a policy.
type StorePolicy struct{ Policy *wire.VerifiedPolicy }

// ReadRecords reads records from a number on, at most so many and at most
// batchBytes of them.
type ReadRecords struct {
	From uint64
	Most int // 0: only the backlog is wanted
}

// TrimRecords tells the journal which records the controller has.
type TrimRecords struct{ Ack wire.Ack }

// CardAnswered brings the keys for the card of a personalise. Who takes it wipes them.
type CardAnswered struct {
	Command wire.CommandID
	Sets    *wire.CardKeySets // nil: the controller declines the card
}

// News is an event for the reader. It is one of Command, Refused,
// LinkChanged, PolicyChanged, CredentialsChanged, Forked and ClockSet.
type News interface{ news() }

// Command is an order of the controller, to be carried out once.
type Command struct{ wire.Command }

// Refused says that a message was refused. There are at most eleven of a kind
// in a minute.
type Refused struct {
	Message string // the last part of its topic
	Reason  wire.Reason
	Command *wire.Command // if the controller waits for an answer to this one
}

// LinkChanged says whether the controller answers.
type LinkChanged struct {
	Up         bool
	Connection uint64 // on which it answers
	Why        string // why it does not answer
}

// PolicyChanged brings a new policy, which is already stored.
type PolicyChanged struct{ Policy *wire.VerifiedPolicy }

// CredentialsChanged says what the cache holds now, and what is wrong with it.
// Look-ups need another key if the epoch has changed, or Key is true.
type CredentialsChanged struct {
	Held  wire.Position
	Fault error
	Key   bool // the key's file was written
}

// Forked says that the controller's log has a different hash at a position that the cache
// holds. The next CredentialsChanged ends it.
type Forked struct{ Position wire.Position }

// ClockSet sets the reader's clock, which can be trusted from now on.
type ClockSet struct {
	Wall time.Time
	At   time.Duration // the time of the step, as passed to it
}

func (Publish) action()            {}
func (Resubscribe) action()        {}
func (Drop) action()               {}
func (Resume) action()             {}
func (Survey) action()             {}
func (Apply) action()              {}
func (PutKey) action()             {}
func (Begin) action()              {}
func (PutChunks) action()          {}
func (StorePolicy) action()        {}
func (ReadRecords) action()        {}
func (TrimRecords) action()        {}
func (CardAnswered) action()       {}
func (Command) action()            {}
func (Refused) action()            {}
func (LinkChanged) action()        {}
func (PolicyChanged) action()      {}
func (CredentialsChanged) action() {}
func (Forked) action()             {}
func (ClockSet) action()           {}

func (Command) news()            {}
func (Refused) news()            {}
func (LinkChanged) news()        {}
func (PolicyChanged) news()      {}
func (CredentialsChanged) news() {}
func (Forked) news()             {}
func (ClockSet) news()           {}
