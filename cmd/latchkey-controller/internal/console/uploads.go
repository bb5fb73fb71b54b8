package console

import (
	"crypto/rand"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// Limits of the files of users that wait to be imported: in memory, because they hold the numbers
// of cards.
const (
	uploadEnds = 30 * time.Minute
	maxUploads = 4
)

// uploads are files of users whose previews are shown, the oldest first.
type uploads struct {
	mu  sync.Mutex
	all []*upload
}

type upload struct {
	Key     string
	Preview *desk.ImportPreview
	file    []byte
	admin   int64 // whose it is
	ends    time.Time
}

// keep keeps an administrator's file, instead of the one that they had.
func (u *uploads) keep(admin int64, file []byte, preview *desk.ImportPreview) (key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.trim(admin)
	if len(u.all) == maxUploads {
		u.all = u.all[1:]
	}
	key = rand.Text()
	u.all = append(u.all, &upload{key, preview, file, admin, time.Now().Add(uploadEnds)})
	return key
}

// trim drops those that have expired, and those of an administrator; 0: of nobody.
func (u *uploads) trim(admin int64) {
	var kept []*upload
	for _, one := range u.all {
		if one.admin != admin && time.Now().Before(one.ends) {
			kept = append(kept, one)
		}
	}
	u.all = kept
}

// of returns an administrator's upload as it is now; nil: it has expired, or is somebody else's.
func (u *uploads) of(admin int64, key string) *upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.trim(0)
	for _, one := range u.all {
		if one.Key == key && one.admin == admin {
			now := *one
			return &now
		}
	}
	return nil
}

// renew replaces the preview of an upload.
func (u *uploads) renew(key string, preview *desk.ImportPreview) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, one := range u.all {
		if one.Key == key {
			one.Preview = preview
		}
	}
}
