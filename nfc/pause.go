package nfc

import (
	"context"
	"time"
)

// Pause lets no poll begin for d from now on; 0 ends a pause. A card presented
// meanwhile is read afterwards, if it is still there; one that was there stays
// so. Pause may be called from any goroutine, event handlers included.
func (r *Reader) Pause(d time.Duration) {
	r.mu.Lock()
	r.until = time.Now().Add(d)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// sleep waits until next and until no pause is in force.
func (r *Reader) sleep(ctx context.Context, next time.Time) error {
	for {
		r.mu.Lock()
		at := r.until
		r.mu.Unlock()
		if at.Before(next) {
			at = next
		}
		left := time.Until(at)
		if left <= 0 {
			return ctx.Err()
		}
		t := time.NewTimer(left)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-r.wake:
			t.Stop()
		case <-t.C:
		}
	}
}
