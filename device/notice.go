package device

import (
	"time"

	"latchkey/sync/wire"
)

// notice is a screen that passes.
type notice struct {
	screen     Screen
	reason     wire.Reason
	name       string
	start, end time.Duration // end 0: there is none
}

// deny says no; the reason is a card's. A reader that is not set up goes on
// saying so.
func (t *turn) deny(reason wire.Reason) {
	if t.policy.policy == nil {
		return
	}
	t.notice = notice{screen: ScreenDenied, reason: reason, start: t.elapsed, end: t.elapsed + noticeFor}
}
