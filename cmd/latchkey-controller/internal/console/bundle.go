package console

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// Limits of the bundles kept for download.
const (
	bundleEnds = 15 * time.Minute
	maxBundles = 8
)

// bundles are the bundles that can be downloaded, the oldest first.
type bundles struct {
	mu  sync.Mutex
	all []*bundle
}

type bundle struct {
	key, name string
	file      *os.File
	admin     int64 // who made it, and may download it
	ends      time.Time
}

// keep takes ownership of a bundle's file and returns the bundle's key.
func (b *bundles) keep(file *os.File, name string, admin int64) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trim(maxBundles - 1)
	key := rand.Text()
	b.all = append(b.all, &bundle{key, name, file, admin, time.Now().Add(bundleEnds)})
	return key
}

// trim drops expired bundles, and the oldest beyond most.
func (b *bundles) trim(most int) {
	for len(b.all) > most || len(b.all) > 0 && time.Now().After(b.all[0].ends) {
		b.all[0].file.Close()
		b.all = b.all[1:]
	}
}

// close drops all of them.
func (b *bundles) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trim(0)
}

// of returns an administrator's bundle; nil: it has expired, or is somebody else's.
func (b *bundles) of(admin int64, key string) *bundle {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trim(maxBundles)
	for _, one := range b.all {
		if one.key == key && one.admin == admin {
			return one
		}
	}
	return nil
}

// bundle sends a bundle to the administrator who made it.
func (c *Console) bundle(w http.ResponseWriter, r *http.Request, v *visit) error {
	b := c.bundles.of(v.Actor.ID, r.PathValue("key"))
	if b == nil {
		return desk.ErrNotFound
	}
	info, err := b.file.Stat()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", b.name))
	http.ServeContent(w, r, b.name, time.Time{}, io.NewSectionReader(b.file, 0, info.Size()))
	return nil
}
