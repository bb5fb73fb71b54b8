// Package status reports how the running reader is: to latchkeyd status, and in figures
// to Prometheus.
package status

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"

	"latchkey/sync/wire"
)

// Status is how the running reader is, field by field as JSON.
type Status struct {
	Reader         string                  `json:"reader"`
	Version        string                  `json:"version"`
	Site           string                  `json:"site,omitempty"`
	Fingerprint    string                  `json:"fingerprint,omitempty"`
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
	Link           string                  `json:"link"`   // "up", "down", or "none": the site named no broker
	Health         map[wire.Subject]string `json:"health"` // what is wrong, by subject
	Figures        Figures                 `json:"figures"`
}

// Print writes the status for a person.
func (s *Status) Print(w io.Writer) error {
	var t table
	t.row("reader", "%s (%s)", s.Reader, s.Version)
	if s.Site == "" {
		t.row("site", "not adopted; fingerprint %s", s.Fingerprint)
	} else {
		t.row("site", "%s", s.Site)
	}
	t.row("door", "%s, strike %s", s.Door, s.Strike)
	t.row("PIN", "%s", s.PIN)
	t.row("cards", "%s", s.Card)
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
