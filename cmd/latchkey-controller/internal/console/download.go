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

func (c *Console) bundle(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := v.refusal(desk.AdoptReader); err != nil {
		return err
	}
	return c.downloads.serve(w, r, r.PathValue("key"), v.Actor.ID)
}

// Limits of the bundles kept for download.
const (
	bundleEnds = 15 * time.Minute
	maxBundles = 8
)

// downloads are bundles that can be downloaded.
type downloads struct {
	mu  sync.Mutex
	all map[string]*download
}

type download struct {
	file  *os.File
	name  string
	admin int64
	ends  time.Time
}

// keep takes ownership of a bundle and returns its key. It drops the oldest one if
// there are too many.
func (b *downloads) keep(k *download) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[string]*download{}
	}
	b.expire(time.Now())
	for len(b.all) >= maxBundles {
		oldest := ""
		for key, other := range b.all {
			if oldest == "" || other.ends.Before(b.all[oldest].ends) {
				oldest = key
			}
		}
		b.drop(oldest)
	}
	key := rand.Text()
	b.all[key] = k
	return key
}

func (b *downloads) expire(now time.Time) {
	for key, k := range b.all {
		if now.After(k.ends) {
			b.drop(key)
		}
	}
}

func (b *downloads) drop(key string) {
	b.all[key].file.Close()
	delete(b.all, key)
}

// serve sends a bundle to the administrator who made it.
func (b *downloads) serve(w http.ResponseWriter, r *http.Request, key string, admin int64) error {
	b.mu.Lock()
	b.expire(time.Now())
	k := b.all[key]
	b.mu.Unlock()
	if k == nil || k.admin != admin {
		return desk.ErrNotFound
	}
	info, err := k.file.Stat()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", k.name))
	http.ServeContent(w, r, k.name, time.Time{}, io.NewSectionReader(k.file, 0, info.Size()))
	return nil
}

// close drops all of them.
func (b *downloads) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key := range b.all {
		b.drop(key)
	}
}
