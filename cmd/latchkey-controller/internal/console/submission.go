package console

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// An answer responds to a signed-in request.
type answer = func(http.ResponseWriter, *http.Request, *visit) error

// maxSubmissions bounds the remembered submissions.
const maxSubmissions = 4096

// submissions are the forms that were sent with a token, so that a reload or a double
// click has no further effect.
type submissions struct {
	mu    sync.Mutex
	all   map[[sha256.Size]byte]*submission
	order [][sha256.Size]byte // the oldest first
}

type submission struct {
	done  chan struct{} // closed when done
	again answer        // answers a repeat; nil: nothing was done
}

// begin returns the submission of a key, and whether the caller must process it and
// then call end.
func (d *submissions) begin(key [sha256.Size]byte) (*submission, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.all[key]; known != nil {
		return known, false
	}
	if d.all == nil {
		d.all = map[[sha256.Size]byte]*submission{}
	}
	if len(d.order) >= maxSubmissions {
		delete(d.all, d.order[0])
		d.order = d.order[1:]
	}
	own := &submission{done: make(chan struct{})}
	d.all[key], d.order = own, append(d.order, key)
	return own, true
}

// end completes a submission with the answer for repeats; nil: nothing was done, and
// the form may be sent again.
func (d *submissions) end(key [sha256.Size]byte, own *submission, again answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if own.again = again; again == nil && d.all[key] == own {
		delete(d.all, key)
		d.order = slices.DeleteFunc(d.order, func(k [sha256.Size]byte) bool { return k == key })
	}
	close(own.done)
}

// once processes a form at most once per administrator, across sessions. do answers
// the request and returns the answer for repeats. Secrets do not count when forms are
// compared.
func (c *Console) once(w http.ResponseWriter, r *http.Request, v *visit, f *form, do func() (answer, error)) error {
	if f.Get("once") == "" {
		_, err := do()
		return err
	}
	key := sha256.Sum256([]byte(strconv.FormatInt(v.Actor.ID, 10) + "\n" + r.URL.Path + "\n" + f.Values.Encode()))
	for {
		d, own := c.submissions.begin(key)
		if own {
			var again answer
			defer func() { c.submissions.end(key, d, again) }()
			var err error
			again, err = do()
			return err
		}
		select {
		case <-d.done:
		case <-r.Context().Done():
			return r.Context().Err()
		}
		if d.again != nil {
			return d.again(w, r, v)
		}
	}
}

// alreadyDone answers a repeat with the page that shows the result.
func (c *Console) alreadyDone(to string) answer {
	return func(w http.ResponseWriter, r *http.Request, _ *visit) error {
		c.redirect(w, r, to, "This was already done, and not repeated.")
		return nil
	}
}
