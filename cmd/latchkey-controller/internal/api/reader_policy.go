package api

import (
	"errors"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A readerPolicyObject is what a reader is told about its door, besides who may open it and when.
type readerPolicyObject struct {
	Greeting      *string `json:"greeting"`           // on the home screen
	TimeZone      *string `json:"time_zone"`          // of schedules, like Europe/Zurich
	PIN           *bool   `json:"pin"`                // PIN entry is on
	ShufflePIN    *bool   `json:"shuffle_pin"`        // digits in a new order each time
	Limit         *uint8  `json:"wrong_pins"`         // in a row until the lockout, 1 to 10
	GuessLimit    *uint16 `json:"guesses"`            // until the lockout; 0: no limit
	Unlock        *uint16 `json:"unlock_seconds"`     // 1 to 60
	Extended      *uint16 `json:"extended_seconds"`   // unlock_seconds to 300
	ReleaseOnOpen *bool   `json:"release_on_open"`    // the strike goes off when the door opens
	HeldAfter     *uint16 `json:"held_after_seconds"` // open until that is an alarm; 0: never
}

// fields returns pointers to the fields, and to those of a policy.
func (o *readerPolicyObject) fields(p *wire.Policy) []readerPolicyField {
	return []readerPolicyField{
		field("greeting", &o.Greeting, &p.Greeting), field("time_zone", &o.TimeZone, &p.TimeZone),
		field("pin", &o.PIN, &p.PIN), field("shuffle_pin", &o.ShufflePIN, &p.ShufflePIN),
		field("wrong_pins", &o.Limit, &p.Limit), field("guesses", &o.GuessLimit, &p.GuessLimit),
		field("unlock_seconds", &o.Unlock, &p.Unlock), field("extended_seconds", &o.Extended, &p.Extended),
		field("release_on_open", &o.ReleaseOnOpen, &p.ReleaseOnOpen), field("held_after_seconds", &o.HeldAfter, &p.HeldAfter),
	}
}

// A readerPolicyField is a field of both.
type readerPolicyField struct {
	name  string
	given func() bool
	show  func() // copies it from the policy
	set   func() // copies it to the policy
}

func field[T any](name string, to **T, of *T) readerPolicyField {
	return readerPolicyField{name, func() bool { return *to != nil }, func() { value := *of; *to = &value }, func() { *of = **to }}
}

// readerPolicy answers GET /readers/{reader}/policy.
func (a *API) readerPolicy(c *call) (any, error) {
	p, err := a.desk.Policy(c.r.Context(), c.actor, c.r.PathValue("reader"))
	if err != nil {
		return nil, err
	}
	if c.tagged(p.Revision) {
		return answered{}, nil
	}
	return shown(p), nil
}

func shown(p *wire.Policy) *readerPolicyObject {
	o := new(readerPolicyObject)
	for _, f := range o.fields(p) {
		f.show()
	}
	return o
}

// setReaderPolicy answers PUT /readers/{reader}/policy.
func (a *API) setReaderPolicy(c *call) (any, error) {
	was, err := c.ifMatch()
	if err != nil {
		return nil, err
	}
	var given readerPolicyObject
	if err := c.body(&given); err != nil {
		return nil, err
	}
	for _, f := range given.fields(new(wire.Policy)) {
		if !f.given() {
			return nil, badRequest("%s is missing: a PUT takes the whole policy, as GET sends it", f.name)
		}
	}
	p, err := a.desk.SetPolicy(c.r.Context(), c.actor, c.r.PathValue("reader"), was, func(p *wire.Policy) {
		for _, f := range given.fields(p) {
			f.set()
		}
	})
	if errors.Is(err, desk.ErrChanged) {
		return nil, stale()
	}
	if err != nil {
		return nil, err
	}
	c.w.Header().Set("ETag", tag(p.Revision))
	return shown(p), nil
}
