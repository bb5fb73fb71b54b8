package sim

import "fmt"

// maxViolations bounds how many different violations are kept.
const maxViolations = 100

type violations struct {
	texts []string
	known map[string]bool
	more  bool
}

// Violations are the things the program did that a data sheet forbids, while
// the chip was sound and had been for 5 s, each once, oldest first, as "chip: what, and what it led to". An empty list is
// what a driver's test wants to see.
func (b *Board) Violations() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.violations.texts...)
}

// violate notes a violation. Texts must come from a small set: no counters
// and no addresses in them.
func (b *Board) violate(chip, format string, args ...any) {
	if p := b.ports[chip]; p != nil && p.faulty() {
		return // what a fault made of it is nobody's fault
	}
	text := chip + ": " + fmt.Sprintf(format, args...)
	v := &b.violations
	if v.known[text] || v.more {
		return
	}
	if len(v.texts) == maxViolations {
		text, v.more = "and more: only the first are kept", true
	}
	if v.known == nil {
		v.known = map[string]bool{}
	}
	v.known[text] = true
	v.texts = append(v.texts, text)
	b.log.Warn("sim: violation", "what", text)
}
