package tests

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAReaderThatIsAdoptedAnewReleasesItsStrike(t *testing.T) {
	t.Parallel()
	site := adaAndBob(t)
	reader := site.adopt(t, "front-door")
	do(t, "", "latchkey-controller", "policy", "--dir", site.dir, "front-door", "set", "--unlock", "60", "--extended", "60")
	site.bundle(t, reader, "front-door")
	do(t, "", "latchkeyd", "adopt", "--data", reader.data(), reader.path("bundle"))
	reader.start()
	reader.cardOpens(bobUID, "a card, for a minute,")
	site.bundle(t, reader, "front-door")
	do(t, "", "latchkeyd", "adopt", "--data", reader.data(), reader.path("bundle"))
	reader.closed() // within half of that minute
}

func TestRootLeavesADataDirectoryToItsOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root could take a directory from its owner")
	}
	const service = 64321
	site := adaAndBob(t)
	dir, err := os.MkdirTemp("", "latchkey-owner-*") // which others may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	data := filepath.Join(dir, "data")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(data, 0o700), os.Chown(data, service, service)); err != nil {
		t.Fatal(err)
	}
	request, bundle := filepath.Join(data, "request"), filepath.Join(t.TempDir(), "bundle")
	for range 2 { // the second time there is all of it already
		do(t, "", "latchkeyd", "identity", "--data", data, "--out", request)
		do(t, "", "latchkey-controller", "reader", "add", "--dir", site.dir, "--reader", "front-door", "--door", "Front door", "--group", "everyone", "--request", request, "--out", bundle)
		do(t, "", "latchkeyd", "adopt", "--data", data, bundle)
	}
	files := 0
	err = filepath.WalkDir(data, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		files++
		if uid, gid, err := owner(path); err != nil || uid != service || gid != service {
			t.Errorf("%s belongs to %d:%d %v", path, uid, gid, err)
		}
		return nil
	})
	if err != nil || files < 7 {
		t.Errorf("%d files and directories, %v", files, err)
	}
}

func TestAnAdoptionThatIsRefusedIsShownByTheStatus(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	reader.start()
	reader.begun()
	if err := os.WriteFile(filepath.Join(reader.data(), "adoption.cbor"), []byte("no bundle"), 0o600); err != nil {
		t.Fatal(err)
	}
	reader.eventually("the status tells", func() bool {
		text, _ := reader.status()["health"].(map[string]any)["adoption"].(string)
		return strings.Contains(text, "refused")
	})
	reader.cardOpens(bobUID, "a card all the same")
}

func TestAnotherSiteAdoptsAReaderWhateverTheOneBeforeHadReached(t *testing.T) {
	t.Parallel()
	next := adaAndBob(t)
	time.Sleep(1100 * time.Millisecond) // an epoch is no lower than its second
	first := &testSite{dir: filepath.Join(t.TempDir(), "site")}
	first.init(t) // so its epoch is above the next one's
	reader := first.adopt(t, "front-door")
	reader.start()
	reader.opensByCard(bobUID, "a card of the first site")
	reader.kill()
	next.bundle(t, reader, "front-door")
	do(t, "", "latchkeyd", "adopt", "--data", reader.data(), "--replace-site", reader.path("bundle"))
	if held, err := readSite(reader.data()); err != nil || !held.Replaced {
		t.Errorf("%+v, %v", held, err)
	}
	reader.start()
	reader.eventually("the reader takes PINs and cards", func() bool {
		return reader.status()["card"] == "on" && reader.status()["pin"] == "on"
	})
	reader.opensByCard(bobUID, "a card of the next site")
	reader.eventually("the change of the site is noted", func() bool {
		held, err := readSite(reader.data())
		return err == nil && !held.Replaced
	})
}
