package wire

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Policy is the configuration of one reader and its door. Its revision only rises.
type Policy struct {
	Reader   string `cbor:"1,keyasint"` // whose policy it is
	Revision uint64 `cbor:"2,keyasint"`

	Door     string `cbor:"3,keyasint"`           // the door's name on the screen
	Place    string `cbor:"4,keyasint,omitempty"` // where the door is
	Greeting string `cbor:"5,keyasint,omitempty"` // on the home screen
	TimeZone string `cbor:"6,keyasint"`           // IANA name, for schedules and holidays

	PIN        bool   `cbor:"7,keyasint"`            // PIN entry is on
	ShufflePIN bool   `cbor:"8,keyasint"`            // digits in a new order each time
	Limit      uint8  `cbor:"9,keyasint"`            // wrong PINs in a row until the lockout, 1 to 10
	GuessLimit uint16 `cbor:"10,keyasint,omitempty"` // guesses until the lockout; 0: off

	Unlock        uint16 `cbor:"11,keyasint"`           // seconds the strike is on, 1 to 60
	Extended      uint16 `cbor:"12,keyasint"`           // seconds for extended credentials, Unlock to 300
	ReleaseOnOpen bool   `cbor:"13,keyasint"`           // the strike goes off when the door opens
	HeldAfter     uint16 `cbor:"14,keyasint,omitempty"` // seconds open until door.held; 0: never

	TamperPauses    bool `cbor:"15,keyasint"` // tamper locks PIN entry
	TamperStopsCard bool `cbor:"16,keyasint"` // and cards, while it lasts
	TamperStopsExit bool `cbor:"17,keyasint"` // and the exit button, while it lasts
	CardsBehind     bool `cbor:"18,keyasint"` // cards open although credentials or policy are older than before
	CardsUnstored   bool `cbor:"19,keyasint"` // cards open although records cannot be stored
	ExitUnstored    bool `cbor:"20,keyasint"` // the exit button opens although records cannot be stored
	SystemTime      bool `cbor:"21,keyasint"` // the system's clock is trusted at start

	Access   []Access  `cbor:"22,keyasint"`           // who may open; an empty list: nobody
	Holidays []Holiday `cbor:"23,keyasint,omitempty"` // sorted by year, month, day; none twice

	Screen Screen `cbor:"24,keyasint,omitzero"` // how the screens look

	// Cards whose credential has no CardKey prove nothing: anybody can copy them.
	ProvenOpens bool `cbor:"25,keyasint,omitempty"` // only cards that prove themselves open
	ProvenEnds  bool `cbor:"26,keyasint,omitempty"` // only they end a lockout

	Modes      []WantedMode `cbor:"27,keyasint,omitempty"` // in the order of Modes, none twice: the highest that has not ended is in force
	Exempt     []string     `cbor:"28,keyasint,omitempty"` // groups of Access that open in ModeLocked; sorted
	InLockdown []string     `cbor:"29,keyasint,omitempty"` // groups of Access that open in ModeLockdown; sorted
	Opening    *Opening     `cbor:"30,keyasint,omitempty"` // nil: no schedule unlocks the door
	TwoProofs  *TwoProofs   `cbor:"31,keyasint,omitempty"` // nil: a PIN or a card is enough

	Brokers []string `cbor:"32,keyasint,omitempty"` // URLs, in the order in which the reader tries them, in place of the bundle's; none: the bundle's
}

// Screen is how the screens look. The zero value leaves it to the reader.
type Screen struct {
	// Language is a tag of RFC 5646 such as "de" or "pt-BR"; empty is the reader's own.
	// A reader takes the nearest language that it has.
	Language     string `cbor:"1,keyasint,omitempty"`
	LargeText    bool   `cbor:"2,keyasint,omitempty"`
	HighContrast bool   `cbor:"3,keyasint,omitempty"`
}

// Access lets a group open the door, always or on a schedule.
type Access struct {
	Group    string    `cbor:"1,keyasint"`
	Schedule *Schedule `cbor:"2,keyasint,omitempty"` // nil: always
}

// TwoProofs demands card and PIN of the same person. Without a trusted clock they are
// demanded whatever the schedule.
type TwoProofs struct {
	Schedule *Schedule `cbor:"1,keyasint,omitempty"` // nil: always
}

// A Schedule is open during its spans: of the week on ordinary days, of
// Holiday, in which Day is 0, on holidays.
type Schedule struct {
	Week    []Span `cbor:"1,keyasint,omitempty"`
	Holiday []Span `cbor:"2,keyasint,omitempty"`
}

// A Span is part of a day, in minutes of the door's wall clock: [From, To).
type Span struct {
	_    struct{} `cbor:",toarray"`
	Day  uint8    // 0 Sunday to 6 Saturday, as time.Weekday
	From uint16   // minute of the day, 0 to 1439
	To   uint16   // minute of the day, From+1 to 1440
}

// A Holiday is a day on which schedules use their Holiday spans.
type Holiday struct {
	_     struct{} `cbor:",toarray"`
	Year  uint16   // 0: each year
	Month uint8
	Day   uint8
}

// DefaultPolicy is the policy of a new door, for cards and PINs. Nobody may open the
// door yet.
func DefaultPolicy(reader, door string) Policy {
	return Policy{
		Reader: reader, Door: door, TimeZone: "UTC",
		PIN: true, Limit: 10, GuessLimit: 60,
		Unlock: 5, Extended: 20, HeldAfter: 60,
		TamperPauses: true, CardsBehind: true, CardsUnstored: true, ExitUnstored: true,
		Access: []Access{},
	}
}

// maxAccess bounds the lists of a policy.
const maxAccess, maxSpans = 256, 64

// MaxHolidays bounds the days among them.
const MaxHolidays = 512

// Sign checks the policy and returns it signed.
func (p *Policy) Sign(site SiteID, key ed25519.PrivateKey) ([]byte, error) {
	return sign(KindPolicy, site, p, key)
}

// ParsePolicy decodes and checks a policy in the controller's own store. A reader
// uses only policies from OpenPolicy.
func ParsePolicy(payload []byte) (*Policy, error) {
	var p Policy
	if err := parse(KindPolicy, payload, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// Check refuses a policy that would make a door unsafe or cannot be stored,
// whoever signed it.
func (p *Policy) Check() error {
	if err := CheckName(p.Reader); err != nil {
		return err
	}
	if err := cmp.Or(
		named("door's name", CheckLabel(p.Door)),
		named("place's name", CheckLabel(p.Place)),
		named("greeting", CheckLabel(p.Greeting)),
		CheckLanguage(p.Screen.Language),
		CheckAccess(p.Access),
		CheckHolidays(p.Holidays),
		CheckModes(p.Modes),
		named("exempt", CheckGroups(p.Exempt)),
		named("in lockdown", CheckGroups(p.InLockdown)),
		CheckOpening(p.Opening),
		CheckTwoProofs(p.TwoProofs),
		CheckBrokers(p.Brokers),
	); err != nil {
		return err
	}
	if _, err := LoadZone(p.TimeZone); err != nil {
		return err
	}
	switch {
	case p.Revision == 0:
		return errors.New("revision 0")
	case p.Limit < 1 || p.Limit > 10:
		return fmt.Errorf("limit of %d wrong PINs is outside 1 to 10", p.Limit)
	case p.Unlock < 1 || p.Unlock > 60:
		return fmt.Errorf("unlock of %d s is outside 1 to 60", p.Unlock)
	case p.Extended < p.Unlock || p.Extended > 300:
		return fmt.Errorf("extended unlock of %d s is outside %d to 300", p.Extended, p.Unlock)
	case p.TwoProofs != nil && !p.PIN:
		return wrong("two proofs need PIN entry, which is off: nobody could open the door")
	}
	return nil
}

// CheckAccess refuses a list of who may open a door if no policy can hold it.
func CheckAccess(access []Access) error {
	if len(access) > maxAccess {
		return fmt.Errorf("%d groups are more than %d", len(access), maxAccess)
	}
	for _, a := range access {
		if err := CheckName(a.Group); err != nil {
			return err
		}
		if a.Schedule == nil {
			continue
		}
		if err := a.Schedule.Check(); err != nil {
			return fmt.Errorf("group %s: %w", a.Group, err)
		}
	}
	return nil
}

// CheckTwoProofs refuses two proofs that no policy can hold, or that are never demanded.
func CheckTwoProofs(two *TwoProofs) error {
	if two == nil || two.Schedule == nil {
		return nil
	}
	if len(two.Schedule.Week)+len(two.Schedule.Holiday) == 0 {
		return wrong("the schedule never demands two proofs")
	}
	return named("schedule of two proofs", two.Schedule.Check())
}

// Check refuses a schedule that no policy can hold.
func (s *Schedule) Check() error {
	if len(s.Week) > maxSpans || len(s.Holiday) > maxSpans {
		return fmt.Errorf("more than %d spans", maxSpans)
	}
	for _, span := range s.Week {
		if span.Day > 6 || span.From >= span.To || span.To > 24*60 {
			return fmt.Errorf("no such span of a week: day %d, minutes %d to %d", span.Day, span.From, span.To)
		}
	}
	for _, span := range s.Holiday {
		if span.Day != 0 || span.From >= span.To || span.To > 24*60 {
			return fmt.Errorf("no such span of a holiday: minutes %d to %d", span.From, span.To)
		}
	}
	return nil
}

// CheckHolidays refuses holidays that do not exist, or are not in order.
func CheckHolidays(holidays []Holiday) error {
	if len(holidays) > MaxHolidays {
		return fmt.Errorf("%d holidays are more than %d", len(holidays), MaxHolidays)
	}
	for i, h := range holidays {
		if !h.exists() {
			return fmt.Errorf("no such holiday: year %d, month %d, day %d", h.Year, h.Month, h.Day)
		}
		if i > 0 && !holidays[i-1].before(h) {
			return fmt.Errorf("holiday %d is out of order", i)
		}
	}
	return nil
}

// maxLanguage is the least that RFC 5646 §4.4.1 asks everybody to accept.
const maxLanguage = 35

// CheckLanguage refuses what does not have the form of a language tag (RFC 5646
// §2.1): subtags of 1 to 8 letters and digits, the first of at least 2 letters. An
// empty tag, which names no language, is accepted.
func CheckLanguage(tag string) error {
	ok := len(tag) <= maxLanguage
	for i, sub := range strings.Split(tag, "-") {
		ok = ok && len(sub) >= 1 && len(sub) <= 8 && (i > 0 || len(sub) >= 2)
		for _, c := range []byte(sub) {
			letter := 'a' <= c|0x20 && c|0x20 <= 'z'
			ok = ok && (letter || i > 0 && '0' <= c && c <= '9')
		}
	}
	if !ok && tag != "" {
		return fmt.Errorf("%.40q is no language tag such as \"de\" or \"pt-BR\"", tag)
	}
	return nil
}

// exists says whether the calendar has the day. The 29th of February of each year
// exists.
func (h Holiday) exists() bool {
	year := cmp.Or(int(h.Year), 2000)
	day := time.Date(year, time.Month(h.Month), int(h.Day), 0, 0, 0, 0, time.UTC)
	return year <= 9999 && day.Year() == year && day.Month() == time.Month(h.Month) && day.Day() == int(h.Day)
}

func (h Holiday) before(other Holiday) bool {
	return cmp.Or(cmp.Compare(h.Year, other.Year), cmp.Compare(h.Month, other.Month), cmp.Compare(h.Day, other.Day)) < 0
}
