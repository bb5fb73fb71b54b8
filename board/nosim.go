//go:build firmware

package board

import (
	"errors"
	"log/slog"
)

func openSim(SimConfig, *slog.Logger) (wiring, error) {
	return nil, errors.New(`board.kind: is "sim", and this build has no simulated board: set it to "linux", or build latchkeyd without -tags firmware`)
}
