package wire

import (
	"testing"
	"time"
)

func TestOfAMinuteTenAreToldAndTheRestAreCounted(t *testing.T) {
	var m Minute
	if m.End() != 0 || m.More() != 0 {
		t.Error("it has begun")
	}
	for i := range 25 {
		if told := m.Tell(time.Duration(i+3) * time.Second); told != (i < 10) {
			t.Errorf("happening %d: %t", i, told)
		}
	}
	if m.End() != 63*time.Second || m.More() != 15 {
		t.Error(m)
	}
}
