package tpm

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"latchkey/sync/wire"
)

// What a tag takes on swtpm, which is a program on this machine and says nothing of a
// chip's time.
func BenchmarkTag(b *testing.B) {
	for name, kind := range map[string]wire.CredentialKind{"PIN": wire.PIN, "card": wire.Card} {
		b.Run(name, func(b *testing.B) {
			chip, _, tpm, _ := ready(b, 1<<30)
			m := material(7)
			if kind == wire.Card {
				m = m[:7]
			}
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				if _, err := tpm.Tag(b.Context(), kind, m); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median")

			commands := 0
			counted := Open(chip.between(func(_ tpm2.TPMCC, command []byte) []byte {
				commands++
				return chip.send(command)
			}))
			defer counted.Close()
			counted.use = tpm.use
			counted.Prepare(b.Context())
			commands = 0
			if _, err := counted.Tag(b.Context(), kind, m); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(commands), "commands")
		})
	}
}
