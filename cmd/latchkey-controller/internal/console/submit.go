package console

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// A formPage shows a form: the one given, with its errors, or nil for a new one.
type formPage = func(http.ResponseWriter, *http.Request, *visit, int, *form) error

// A formHandler answers the POST of a form.
type formHandler struct {
	console *Console
	act     func(*http.Request, *visit, *form) (answer, error)
	show    formPage // shows a refused or restored form; nil: an error gets a page of its own
}

// An answer is the page that shows the effect of a form, and a notice.
type answer struct {
	to     string
	notice *language.Sentence
	show   handler // answers in place of to: once, or each time if there is no to
}

// errWrong refuses a form whose errors are marked in it.
var errWrong error = language.Say("the form has errors")

func (h *formHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	back, ok := r.Context().Value(restoredFormKey{}).(*restoredForm)
	if !ok {
		h.console.signedIn(h.submit).ServeHTTP(w, r)
		return
	}
	err := back.visit.readID(r)
	if err == nil {
		err = h.show(w, r, back.visit, http.StatusOK, back.form)
	}
	if err != nil {
		h.console.fail(w, r, back.visit, err)
	}
}

// submit confirms the password in the form, if any, and acts. A form with a token acts
// once.
func (h *formHandler) submit(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := formOf(r, v)
	if err != nil {
		return err
	}
	defer f.wipe()
	if h.show != nil && f.copyDay() {
		return h.show(w, r, v, http.StatusOK, f)
	}
	do := func() (answer, error) {
		if err := h.console.confirmPassword(r, v, f); err != nil {
			return answer{}, err
		}
		return h.act(r, v, f)
	}
	var done answer
	repeated := false
	if f.Get("once") == "" {
		done, err = do()
	} else {
		key := sha256.Sum256([]byte(strconv.FormatInt(v.Actor.ID, 10) + "\n" + r.URL.Path + "\n" + f.Values.Encode()))
		done, repeated, err = h.console.submissions.once(r.Context(), key, do)
	}
	switch {
	case err != nil:
	case repeated && done.to != "":
		h.console.redirect(w, r, done.to, language.Say("This was already done, and not repeated."))
	case done.show != nil:
		err = done.show(w, r, v)
	default:
		h.console.redirect(w, r, done.to, done.notice)
	}
	if errors.Is(err, desk.ErrSignInAgain) {
		v.Actor.FreshSignIn = false
	}
	if h.show != nil && f.refused(err) {
		return h.show(w, r, v, http.StatusUnprocessableEntity, f)
	}
	return err
}

// confirmPassword checks the password or passkey in a form, if any, and makes the sign-in fresh.
func (c *Console) confirmPassword(r *http.Request, v *visit, f *form) error {
	password, passkey := f.secret["password"], f.secret["passkey"]
	var err error
	switch {
	case len(passkey) > 0 && !v.Actor.FreshSignIn: // otherwise it is a new one
		err = c.desk.SignInAgainWithPasskey(r.Context(), v.token, passkey, client(r))
	case len(password) > 0:
		err = c.desk.SignInAgain(r.Context(), v.token, password, client(r))
	default:
		return nil // the desk checks whether one is needed
	}
	var soon *desk.TooSoonError
	var none *desk.NoPasskeysError
	switch {
	case err == nil:
		v.Actor.FreshSignIn = true
	case errors.Is(err, desk.ErrWrongSignIn):
		return f.wrong("password", "This is not your password: type it again.")
	case errors.Is(err, desk.ErrWrongPasskey), errors.Is(err, desk.ErrBegunElsewhere), errors.Is(err, desk.ErrPasskeyOnly), errors.As(err, &none), errors.As(err, &soon):
		return f.says("password", language.Of(err))
	}
	return err
}

// removed answers a removal, even if somebody else was faster.
func removed(err error, to string, notice, already *language.Sentence) (answer, error) {
	if errors.Is(err, desk.ErrNotFound) {
		return answer{to: to, notice: already}, nil
	}
	return answer{to: to, notice: notice}, err
}

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
	ended  chan struct{} // closed when the act has ended
	done   bool          // otherwise the form may be sent again
	answer answer
}

// once acts, unless that was done before: then it returns that answer, and true. It
// waits for an act that is under way.
func (s *submissions) once(ctx context.Context, key [sha256.Size]byte, act func() (answer, error)) (done answer, repeated bool, err error) {
	for {
		known, own := s.begin(key)
		if own {
			defer s.end(key, known)
			done, err = act()
			known.answer, known.done = done, err == nil
			return done, false, err
		}
		select {
		case <-known.ended:
		case <-ctx.Done():
			return answer{}, false, ctx.Err()
		}
		if known.done {
			return known.answer, true, nil
		}
	}
}

// begin returns the submission of a key, and whether the caller must act and end it.
func (s *submissions) begin(key [sha256.Size]byte) (*submission, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.all[key]; known != nil {
		return known, false
	}
	if s.all == nil {
		s.all = map[[sha256.Size]byte]*submission{}
	}
	if len(s.order) >= maxSubmissions {
		delete(s.all, s.order[0])
		s.order = s.order[1:]
	}
	own := &submission{ended: make(chan struct{})}
	s.all[key], s.order = own, append(s.order, key)
	return own, true
}

func (s *submissions) end(key [sha256.Size]byte, own *submission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own.answer.to != "" {
		own.answer.show = nil // which may hold a secret
	}
	if !own.done && s.all[key] == own {
		delete(s.all, key)
		s.order = slices.DeleteFunc(s.order, func(k [sha256.Size]byte) bool { return k == key })
	}
	close(own.ended)
}
