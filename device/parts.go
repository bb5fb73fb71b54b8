package device

import (
	"slices"

	"latchkey/sync/wire"
)

// subjects are the parts whose health the brain is told. Whether the cache is
// behind, and whether records are stored, it sees for itself.
var subjects = [...]wire.Subject{
	wire.SubjectCache, wire.SubjectPanel, wire.SubjectTouch, wire.SubjectNFC, wire.SubjectRelay, wire.SubjectKey, wire.SubjectLink,
}

// Parts is how each part of the reader is.
type Parts [len(subjects)]part

type part struct {
	condition Condition
	fault     string // what is wrong, for people; "": nothing, or nobody said what
}

// Is returns the condition of a part.
func (p *Parts) Is(subject wire.Subject) Condition {
	return p[slices.Index(subjects[:], subject)].condition
}

// Faults returns what is wrong, as far as anybody said what.
func (p *Parts) Faults() (faults []wire.Fault) {
	for i, part := range p {
		if part.fault != "" {
			faults = append(faults, wire.Fault{Subject: subjects[i], Text: part.fault})
		}
	}
	return faults
}
