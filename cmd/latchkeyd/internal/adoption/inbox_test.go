package adoption

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/cmd/latchkeyd/internal/datadir"
)

func TestAnAdoptionThatFailedIsTriedAgainAMinuteLaterAndANewOneAtOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, datadir.Adoption)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for tried, want := range map[time.Time]time.Duration{
		info.ModTime():                   retryAfter + time.Second,
		info.ModTime().Add(-time.Second): time.Second,
		{}:                               time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			inbox := &Inbox{dir: dir, tried: tried}
			come := inbox.Await(t.Context(), func() <-chan time.Time { return time.After(time.Second) })
			if waited := time.Since(began); !come || waited != want {
				t.Errorf("%v after %v, not %v", come, waited, want)
			}
		})
	}
}
