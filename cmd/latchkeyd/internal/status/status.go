// Package status reports how the running reader is: to latchkeyd status, and in figures
// to Prometheus.
package status

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"latchkey/sync/wire"
)

// Status is how the running reader is, field by field as JSON.
type Status struct {
	Reader         string                  `json:"reader"`
	Version        string                  `json:"version"`
	Site           string                  `json:"site,omitempty"`
	Controller     string                  `json:"controller,omitempty"` // fingerprint of its key
	Fingerprint    string                  `json:"fingerprint,omitempty"`
	Waiting        string                  `json:"waiting,omitempty"` // what a reader that is not adopted waits for
	Mode           Mode                    `json:"mode"`
	Door           string                  `json:"door"`
	Strike         string                  `json:"strike"`
	Lockout        string                  `json:"lockout"` // "none", or its cause
	Wrong          int                     `json:"wrong"`   // wrong PINs in a row
	Guesses        int                     `json:"guesses"`
	PIN            string                  `json:"pin"`  // "on", or why not
	Card           string                  `json:"card"` // "on", or why not
	Tamper         bool                    `json:"tamper"`
	ClockTrusted   bool                    `json:"clock_trusted"`
	Epoch          uint64                  `json:"epoch"`
	Revision       uint64                  `json:"revision"`
	PolicyRevision uint64                  `json:"policy_revision"`
	Link           string                  `json:"link"`          // "up", "down", or "none": the site named no broker
	Health         map[wire.Subject]string `json:"health"`        // what is wrong, by subject
	TPM            *TPM                    `json:"tpm,omitempty"` // that has the keys; absent: a file has them
	Figures        Figures                 `json:"figures"`
}

// Mode is how the door works now.
type Mode struct {
	Name  wire.Mode      `json:"name"`
	Cause wire.ModeCause `json:"cause,omitempty"`
	Until int64          `json:"until,omitempty"` // Unix seconds; 0: it has no end of its own
	By    string         `json:"by,omitempty"`    // who wants it
	Waits bool           `json:"waits,omitempty"` // the unlock schedule waits for the first person
}

// String says which mode it is, and why and for how long.
func (m Mode) String() string {
	text := string(m.Name)
	switch m.Cause {
	case wire.CauseFire:
		text += ", by the fire alarm"
	case wire.CauseSchedule:
		text += ", by the unlock schedule"
	case wire.CauseWanted:
		text += ", by " + m.By
	}
	if m.Until != 0 {
		text += time.Unix(m.Until, 0).UTC().Format(", until 2006-01-02 15:04:05 UTC")
	}
	if m.Waits {
		text += "; the unlock schedule waits for the first person"
	}
	return text
}

// TPM is the budget of PINs of the reader's TPM. Both are 0 while it has none, or has not
// answered yet.
type TPM struct {
	Spent uint32 `json:"spent"` // PINs that it has checked
	Limit uint32 `json:"limit"` // up to which it checks them
}

// String says how far the budget is spent, and what to do when it is.
func (t *TPM) String() string {
	budget := wire.Budget{Spent: t.Spent, Limit: t.Limit}
	switch {
	case t.Limit == 0:
		return "no budget of PINs is known"
	case budget.Left() == 0:
		return fmt.Sprintf("all of %d PINs checked: it needs the controller's next grant, by the link or by latchkeyd grant", t.Limit)
	}
	return fmt.Sprintf("%d of %d PINs checked, %d left", t.Spent, t.Limit, budget.Left())
}

// Print writes the status for a person.
func (s *Status) Print(w io.Writer) error {
	var t table
	t.row("reader", "%s (%s)", cmp.Or(s.Reader, "without an id"), s.Version)
	switch {
	case s.Site != "":
		t.row("site", "%s; its controller's key is %s", s.Site, s.Controller)
	case s.Waiting != "":
		t.row("site", "not adopted, %s; fingerprint %s", s.Waiting, s.Fingerprint)
	default:
		t.row("site", "not adopted; fingerprint %s", s.Fingerprint)
	}
	t.row("mode", "%s", s.Mode)
	t.row("door", "%s, strike %s", s.Door, s.Strike)
	t.row("PIN", "%s", s.PIN)
	t.row("cards", "%s", s.Card)
	if s.TPM != nil {
		t.row("TPM", "%s", s.TPM)
	}
	t.row("lockout", "%s (%d wrong in a row, %d guesses)", s.Lockout, s.Wrong, s.Guesses)
	t.row("credentials", "epoch %d, revision %d", s.Epoch, s.Revision)
	t.row("policy", "revision %d", s.PolicyRevision)
	t.row("link", "%s", s.Link)
	t.row("clock", "%s", map[bool]string{true: "trusted", false: "not trusted"}[s.ClockTrusted])
	if s.Tamper {
		t.row("tamper", "the housing is open")
	}
	for _, subject := range slices.Sorted(maps.Keys(s.Health)) {
		t.row("fault", "%s: %s", subject, s.Health[subject])
	}
	s.Figures.add(&t)
	_, err := t.WriteTo(w)
	return err
}

// A table has a column of labels and one of texts.
type table struct{ bytes.Buffer }

func (t *table) row(label, format string, args ...any) {
	fmt.Fprintf(t, "%-20s  %s\n", label, fmt.Sprintf(format, args...))
}
