package keypad

// health tells of each part once that it failed and once that it works again.
type health struct {
	on     func(part string, err error)
	failed map[string]bool
}

func (h *health) report(part string, err error) {
	if h.failed[part] == (err != nil) {
		return
	}
	if h.failed == nil {
		h.failed = make(map[string]bool)
	}
	h.failed[part] = err != nil
	if h.on != nil {
		h.on(part, err)
	}
}
