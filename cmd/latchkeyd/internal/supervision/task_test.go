package supervision

import (
	"testing"
	"time"
)

func TestAPieceThatGoesOnIsNotLate(t *testing.T) {
	task := NewTask("identifying a card", 30*time.Second)
	task.Add()
	task.since = task.since.Add(-20 * time.Second)
	later := func(d time.Duration) time.Time { return time.Now().Add(d) }
	if task.late(later(0)) || !task.late(later(11*time.Second)) {
		t.Error("its time is not 30 s")
	}
	task.Progress()
	if task.late(later(29*time.Second)) || !task.late(later(31*time.Second)) {
		t.Error("its time does not begin anew")
	}
}
