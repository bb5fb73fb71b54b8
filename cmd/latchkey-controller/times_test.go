package main

import (
	"encoding/json"
	"testing"
	"time"
)

func TestATimeThatWasKeptBeyondTheYear9999IsWrittenAsJSON(t *testing.T) {
	for _, at := range []time.Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.Local), time.Unix(1<<40, 0), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)} {
		b, err := json.Marshal(userRow{Until: timeOrNil(at, time.UTC)})
		if err != nil {
			t.Errorf("%v: %v, %s", at, err, b)
		}
	}
}
