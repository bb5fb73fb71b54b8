package sim

import (
	"fmt"
	"slices"
)

// maxViolations bounds how many different violations are kept.
const maxViolations = 100

// Violations lists what the program did that a data sheet forbids, while the chip
// had been sound for 5 s: each once, oldest first, as "chip: what, and what it led
// to". A driver's test wants it empty.
func (b *Board) Violations() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.violations)
}

// violate notes a violation. Texts must come from a small set: no counters
// and no addresses in them.
func (b *Board) violate(chip, format string, args ...any) {
	if p := b.ports[chip]; p != nil && p.faulty() {
		return
	}
	text := chip + ": " + fmt.Sprintf(format, args...)
	if len(b.violations) > maxViolations || slices.Contains(b.violations, text) {
		return
	}
	if len(b.violations) == maxViolations {
		text = "and more: only the first are kept"
	}
	b.violations = append(b.violations, text)
	b.log.Warn("sim: violation", "what", text)
}
