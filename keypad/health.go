package keypad

import "errors"

// health reports of each part once that it failed, or works in part only, and once that it
// works again.
type health struct {
	on       func(part string, err error) // may be nil
	reported map[string]condition
}

type condition uint8

const (
	working condition = iota
	impaired
	failed
)

func (h *health) report(part string, err error) {
	now := working
	switch {
	case errors.Is(err, ErrPassedOver):
		now = impaired
	case err != nil:
		now = failed
	}
	if h.reported[part] == now {
		return
	}
	if h.reported == nil {
		h.reported = make(map[string]condition)
	}
	h.reported[part] = now
	if h.on != nil {
		h.on(part, err)
	}
}
