package fleet

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"latchkey/sync/wire"
)

// Seen is all that a reader has seen, for who wants to compare it with what the controllers have.
type Seen struct {
	Reader   string
	Journals []Journal                // with all records, the newest journal last
	Held     []wire.Position          // it has held, in order
	Content  map[wire.Tag]wire.Hash   // that it holds: SHA-256 of each credential as encoded
	Policies map[uint64]wire.Hash     // it has got since its bundle, by their revisions: SHA-256 of each as encoded
	Policy   uint64                   // revision of the newest one
	Orders   map[string][]CarriedTime // it has carried out, by who gave them
	Wrong    []string                 // what no controller may send
}

// A Journal is what a reader has recorded in it.
type Journal struct {
	ID      wire.JournalID
	Records []wire.StoredRecord
	Acked   uint64 // the number up to which the controller has them, as it has said
}

// A CarriedTime is when a reader carried out an order.
type CarriedTime struct {
	Command wire.CommandID
	At      time.Time
}

// seen is Seen, but for what the reader keeps anyway.
type seen struct {
	mu       sync.Mutex
	held     []wire.Position
	policies map[uint64]wire.Hash
	orders   map[string][]CarriedTime
	commands map[wire.CommandID]bool
	wrong    []string
}

func (s *seen) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, what)
}

// order notes an order that is carried out.
func (s *seen) order(c *wire.Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.commands[c.ID] {
		s.wrong = append(s.wrong, "an order of "+c.By+" twice")
	}
	s.commands[c.ID] = true
	s.orders[c.By] = append(s.orders[c.By], CarriedTime{c.ID, time.Now()})
}

// hold notes a position that is held.
func (s *seen) hold(at wire.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.held); n > 0 && s.held[n-1].Above(at) {
		s.wrong = append(s.wrong, fmt.Sprintf("back from %+v to %+v", s.held[n-1], at))
	}
	s.held = append(s.held, at)
}

// policy notes a policy that came, and says whether it is the only one of its revision.
func (s *seen) policy(revision uint64, hash wire.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.policies[revision]; ok && known != hash {
		s.wrong = append(s.wrong, fmt.Sprintf("two policies of revision %d", revision))
		return false
	}
	s.policies[revision] = hash
	return true
}

// Seen returns what each reader has seen. The fleet was opened with keeps.
func (f *Fleet) Seen() (all []Seen) {
	for _, r := range f.readers {
		s := Seen{Reader: r.id, Policy: r.stored.Load(), Content: r.cache.Load().copyContent()}
		for _, j := range append(r.lost, r.journal.Load()) {
			j.mu.Lock()
			s.Journals = append(s.Journals, Journal{j.id, slices.Clone(j.all), j.acked})
			j.mu.Unlock()
		}
		r.seen.mu.Lock()
		s.Held, s.Policies, s.Orders, s.Wrong = slices.Clone(r.seen.held), maps.Clone(r.seen.policies), maps.Clone(r.seen.orders), slices.Clone(r.seen.wrong)
		r.seen.mu.Unlock()
		all = append(all, s)
	}
	return all
}
