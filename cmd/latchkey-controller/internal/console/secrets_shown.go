package console

import (
	"bytes"
	"crypto/sha256"
	"html"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Limits of the secrets that stay in their pages until they are noted.
const (
	shownFor           = 10 * time.Minute
	maxShown           = 64
	maxShownPerSession = 4
)

// A shownSecret is a PIN, token, webhook secret or one-time link that was just made. It is shown
// once: to the session that made it, on one page, until its administrator has noted it.
type shownSecret struct {
	At   string // path and query of the page
	What string // "pin", "duress-pin", "slip", "token", "webhook-secret", "link"
	For  string // whose it is; "": the page says so
	ID   uint64 // of the credential, token or webhook; the page shows it no longer when that is gone

	texts   [][]byte // in place of the markers, in the order of the page
	session [sha256.Size]byte
	ends    *time.Timer
}

// pinTexts returns a PIN as pages have it: to copy, and to read. It takes the digits over.
func pinTexts(digits []byte) [][]byte {
	half := len(digits) / 2
	return [][]byte{digits, slices.Concat(digits[:half], []byte(" "), digits[half:])}
}

// twice returns a text as pages have it: to copy, and to read.
func twice(text string) [][]byte {
	text = html.EscapeString(text)
	return [][]byte{[]byte(text), []byte(text)}
}

func (s *shownSecret) wipe() {
	for _, text := range s.texts {
		clear(text)
	}
}

// secretsShown are the secrets that pages still show, the oldest first. They are in the memory of
// this process only, and are wiped when they are noted, at the end of the session, and after
// shownFor. A page of another controller of the site does not show them.
type secretsShown struct {
	mu  sync.Mutex
	all []*shownSecret
}

// keep has a session's page show a secret, which it takes over, in place of the one of the same
// kind and name.
func (k *secretsShown) keep(token string, s *shownSecret) {
	s.session = sha256.Sum256([]byte(token))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(func(old *shownSecret) bool {
		return old.session == s.session && old.At == s.At && old.What == s.What && old.For == s.For
	})
	own := 0
	for _, old := range slices.Backward(k.all) {
		if old.session == s.session {
			own++
		}
		if own >= maxShownPerSession {
			k.drop(func(o *shownSecret) bool { return o == old })
			break
		}
	}
	if len(k.all) >= maxShown {
		oldest := k.all[0]
		k.drop(func(o *shownSecret) bool { return o == oldest })
	}
	k.all = append(k.all, s)
	s.ends = time.AfterFunc(shownFor, func() { k.forget(func(o *shownSecret) bool { return o == s }) })
}

// drop wipes and removes secrets; the caller holds mu.
func (k *secretsShown) drop(which func(*shownSecret) bool) {
	k.all = slices.DeleteFunc(k.all, func(s *shownSecret) bool {
		if !which(s) {
			return false
		}
		if s.ends != nil {
			s.ends.Stop()
		}
		s.wipe()
		return true
	})
}

func (k *secretsShown) forget(which func(*shownSecret) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(which)
}

// of returns copies of what a session's page still shows, to be wiped.
func (k *secretsShown) of(token, at string, still func(*shownSecret) bool) (shown []*shownSecret) {
	session := sha256.Sum256([]byte(token))
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.all {
		if s.session != session || s.At != at || !still(s) {
			continue
		}
		one := &shownSecret{At: s.At, What: s.What, For: s.For, ID: s.ID}
		for _, text := range s.texts {
			one.texts = append(one.texts, bytes.Clone(text))
		}
		shown = append(shown, one)
	}
	return shown
}

// any says whether a session's page shows any.
func (k *secretsShown) any(token, at string) bool {
	session := sha256.Sum256([]byte(token))
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.ContainsFunc(k.all, func(s *shownSecret) bool { return s.session == session && s.At == at })
}

// signedOut wipes what a session's pages show.
func (k *secretsShown) signedOut(token string) {
	session := sha256.Sum256([]byte(token))
	k.forget(func(s *shownSecret) bool { return s.session == session })
}

// close wipes all.
func (k *secretsShown) close() { k.forget(func(*shownSecret) bool { return true }) }

// showOnce shows a page with its secrets in place of the markers, and wipes its copies of them.
func (c *Console) showOnce(w http.ResponseWriter, r *http.Request, status int, name string, v *view) {
	if v.Shown == nil {
		c.show(w, r, status, name, v)
		return
	}
	writer := &secretWriter{ResponseWriter: w, marker: c.marker}
	for _, s := range v.Shown {
		defer s.wipe()
		writer.secrets = append(writer.secrets, s.texts...)
	}
	c.show(writer, r, status, name, v)
}

// noted wipes a secret that an administrator has noted.
func (c *Console) noted(r *http.Request, v *visit, f *form) (answer, error) {
	session := sha256.Sum256([]byte(v.token))
	c.secrets.forget(func(s *shownSecret) bool {
		return s.session == session && s.At == f.Get("at") && s.What == f.Get("what") && s.For == f.Get("for")
	})
	return answer{to: local(f.Get("at"))}, nil
}
