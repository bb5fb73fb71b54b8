package device

import (
	"time"

	"latchkey/sync/wire"
)

// notice is a temporary screen.
type notice struct {
	screen     Screen
	reason     wire.Reason
	name       string
	start, end time.Duration // end 0: no notice
}

// deny shows ScreenDenied, with the reason if it is a card's. A reader without
// a policy stays on ScreenNotSetUp.
func (t *turn) deny(reason wire.Reason) {
	if t.policy.policy == nil {
		return
	}
	t.notice = notice{screen: ScreenDenied, reason: reason, start: t.elapsed, end: t.elapsed + noticeFor}
}
