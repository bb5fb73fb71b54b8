package console

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// maxSavedForm is the most bytes of a form that is kept: sealed, and with a name and a
// password beside it, it is still within maxStrangersBody.
const maxSavedForm = 5 << 10

// savedFormEnds is how long a form is kept: as long as a session lasts at most.
const savedFormEnds = desk.SessionEnds

// secretFields are the fields of all forms that hold PINs and passwords. None of
// them is kept.
var secretFields = []string{"digits", "password", "old", "new", "again", "passphrase", "passphrase-again"}

// errNotYours refuses a form that another administrator has filled in.
var errNotYours = errors.New("another administrator, who was signed in here before, has filled this form in; open the page again and fill it in yourself")

// savedForms gives administrators their forms back who were signed out while they
// filled them in. A form is kept in the sign-in page that answers it, as a hidden
// field, and comes back with the password: so strangers leave nothing at the
// server, and nobody has to run a script. It is sealed with a key of this process,
// so that nobody reads it who comes to the browser next, and nobody makes one up.
//
// Only a form that says whose it is is kept, and its administrator alone is given
// it back, as a form that is still to be sent.
type savedForms struct {
	own   [32]byte       // the key of what says whose a form is
	aead  cipher.AEAD    // seals forms
	began time.Time      // from which times count, however clocks are set
	shown *http.ServeMux // shows a form again, by the address that it is sent to
}

// A savedForm is a form that is to be given back.
type savedForm struct {
	Admin  int64
	Ends   time.Duration // after savedForms began
	Action string        // the path that it is sent to
	Fields string        // as the body of a POST has them
	Secret bool          // there were secrets, which are not kept
}

func newSavedForms() (*savedForms, error) {
	k := &savedForms{began: time.Now(), shown: http.NewServeMux()}
	rand.Read(k.own[:])
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	k.aead, err = cipher.NewGCMWithRandomNonce(block)
	return k, err
}

// whose says in a form whose it is: the administrator's number, and its proof.
func (k *savedForms) whose(admin int64) string {
	id := strconv.FormatInt(admin, 10)
	mac := hmac.New(sha256.New, k.own[:])
	mac.Write([]byte(id))
	return id + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// admin returns whose a form is; 0: it does not prove that it is anybody's.
func (k *savedForms) admin(f *form) int64 {
	id, _, _ := strings.Cut(f.Get("whose"), ".")
	admin, err := strconv.ParseInt(id, 10, 64)
	if err != nil || !hmac.Equal([]byte(f.Get("whose")), []byte(k.whose(admin))) {
		return 0
	}
	return admin
}

// seal returns a form as it stands in the sign-in page.
func (k *savedForms) seal(form *savedForm) (string, error) {
	content, err := json.Marshal(form)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, content, nil)), nil
}

// open returns the form that was sealed, unless this process did not seal it or
// its time is over.
func (k *savedForms) open(sealed string) (*savedForm, bool) {
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, false
	}
	content, err := k.aead.Open(nil, nil, b, nil)
	if err != nil {
		return nil, false
	}
	form := new(savedForm)
	if json.Unmarshal(content, form) != nil || time.Since(k.began) >= form.Ends {
		return nil, false
	}
	return form, true
}

// A given form is a form on its way back to its administrator.
type restoredForm struct {
	visit *visit
	form  *form
}

type restoredFormKey struct{}

// keeps says how a form that is sent to an address is shown again. Only such
// forms are kept.
func (c *Console) restorable(pattern string, show func(http.ResponseWriter, *http.Request, *visit, *form) error) {
	c.savedForms.shown.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		back := r.Context().Value(restoredFormKey{}).(*restoredForm)
		if err := show(w, r, back.visit, back.form); err != nil {
			c.fail(w, r, back.visit, err)
		}
	})
}

// formOf reads a form of somebody who is signed in, as readForm does, and refuses
// one that another administrator has filled in, in the same browser.
func (c *Console) formOf(r *http.Request, v *visit, secret ...string) (*form, error) {
	f, err := readForm(r, secret...)
	if err != nil {
		return nil, err
	}
	if whose, _, ok := strings.Cut(f.Get("whose"), "."); ok && whose != strconv.FormatInt(v.Actor.ID, 10) {
		f.wipe()
		return nil, errNotYours
	}
	return f, nil
}

// saveForm answers a form of somebody who is signed out with the sign-in, which
// has the form in it if it can be kept.
func (c *Console) saveForm(w http.ResponseWriter, r *http.Request, next string) {
	page := signInPage{Form: newForm("next", next)}
	sealed, secret, err := c.sealForm(w, r)
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		page.Note = "You were signed out, so nothing was done. What you typed is too long to be kept here: go back in your browser and copy it before you sign in again."
	case err != nil:
		page.Note = "You were signed out, so nothing was done. Sign in and do it again; a file has to be chosen again, too."
	default:
		page.Form.Values.Set("kept", sealed)
		page.Note = "You were signed out, so nothing was done. Sign in again, as the same administrator: then what you typed is there, and you can send it."
		if secret {
			page.Note += " A PIN or a password in it is not kept."
		}
	}
	c.show(w, r, http.StatusUnauthorized, "sign-in", &view{visit: c.newVisit(r), Title: "Sign in", Page: page})
}

// sealForm seals what was sent, without its secrets, of which it says whether
// there were any.
func (c *Console) sealForm(w http.ResponseWriter, r *http.Request) (sealed string, secret bool, err error) {
	if _, pattern := c.savedForms.shown.Handler(r); pattern == "" {
		return "", false, errBadForm
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxAnonymousBody)
	f, err := readForm(r, secretFields...)
	if err != nil {
		return "", false, err
	}
	defer f.wipe()
	for _, field := range f.secret {
		secret = secret || len(field) > 0
	}
	admin, fields := c.savedForms.admin(f), f.Values.Encode()
	switch {
	case admin == 0:
		return "", false, errBadForm
	case len(fields) > maxSavedForm:
		return "", false, &http.MaxBytesError{Limit: maxSavedForm}
	}
	sealed, err = c.savedForms.seal(&savedForm{
		Admin: admin, Ends: time.Since(c.savedForms.began) + savedFormEnds, Action: r.URL.Path, Fields: fields, Secret: secret,
	})
	return sealed, secret, err
}

// giveBack lets somebody in who has signed in, with the form that was kept in the
// sign-in page if it is theirs.
func (c *Console) restoreForm(w http.ResponseWriter, r *http.Request, s *desk.Session, sealed, next string) error {
	form, ok := c.savedForms.open(sealed)
	switch {
	case !ok:
		setFlash(w, "What you had typed is not there any more: the time for which it is kept is over. Nothing was done.")
		c.welcome(w, r, s, next)
		return nil
	case form.Admin != s.Actor.ID:
		setFlash(w, "The form that was filled in here is another administrator's, so you are not shown it. Nothing was done.")
		c.welcome(w, r, s, "/")
		return nil
	}
	f := newForm()
	var err error
	if f.Values, err = url.ParseQuery(form.Fields); err != nil {
		return fmt.Errorf("open the kept form: %w", err)
	}
	f.Wrong[""] = "You were signed out before this was sent, so nothing was done. Look at what you typed, and send it."
	if form.Secret {
		f.Wrong[""] += " A PIN or a password was not kept: type it again where it is asked for."
	}
	c.signCookies(w, s)
	back := &restoredForm{c.newVisit(r), f}
	if err := c.enter(r.Context(), back.visit, s); err != nil {
		return err
	}
	r = r.WithContext(context.WithValue(r.Context(), restoredFormKey{}, back))
	r.URL = &url.URL{Path: form.Action}
	c.savedForms.shown.ServeHTTP(w, r)
	return nil
}
