package durable

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestWhatAPowerCutLeftIsRemovedWhateverItsTimeAndNothingThatIsBeingWritten(t *testing.T) {
	dir := t.TempDir()
	for name, at := range map[string]time.Time{"a": time.Unix(0, 0), "b": time.Now(), "c": time.Now().AddDate(20, 0, 0)} {
		path := filepath.Join(dir, "site.cbor.new-"+name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	f, err := create(dir, "adoption.cbor")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Chtimes(f.Name(), time.Unix(0, 0), time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	if err := Tidy(dir); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 1 || left[0] != f.Name() {
		t.Errorf("%q are left, %v", left, err)
	}
}

func TestFilesAreReplacedWhileOthersTidyUp(t *testing.T) {
	dir := t.TempDir()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 40 {
			if err := WriteFile(filepath.Join(dir, "adoption.cbor"), []byte{1}, 0o600); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for {
		if err := Tidy(dir); err != nil {
			t.Error(err)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
