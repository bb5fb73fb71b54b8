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
	"latchkey/cmd/latchkey-controller/internal/language"
)

// maxSavedForm is the largest form that is saved, in bytes: sealed, and sent with a
// name and a password, it fits in maxAnonymousBody.
const maxSavedForm = 5 << 10

// savedFormEnds is how long a form can be restored: the longest life of a session.
const savedFormEnds = desk.SessionEnds

// errNotYours refuses a form that another administrator filled in.
var errNotYours = language.Say("this form was filled in by another administrator, who was signed in here before; open the page again and fill it in yourself")

// savedForms restores a form to an administrator whose session ended while they
// filled it in. The form is saved in a hidden field of the sign-in page and comes
// back with the password, so the server stores nothing for strangers, and no script
// is needed. It is sealed with a key of this process, so the next person at the
// browser cannot read or forge it.
//
// Only a form with a valid owner is saved. Only its owner gets it back, and has to
// send it again.
type savedForms struct {
	own   [32]byte    // key of the proof of a form's owner
	aead  cipher.AEAD // seals forms
	began time.Time   // monotonic base of savedForm.Ends
}

// A savedForm is a form to be restored.
type savedForm struct {
	Admin  int64
	Ends   time.Duration // after savedForms began
	Action string        // its path
	Fields string        // URL-encoded
	Secret bool          // it had secrets, which are not saved
}

func newSavedForms() (*savedForms, error) {
	k := &savedForms{began: time.Now()}
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

// whose returns the proof of a form's owner: the administrator's id and a MAC.
func (k *savedForms) whose(admin int64) string {
	id := strconv.FormatInt(admin, 10)
	mac := hmac.New(sha256.New, k.own[:])
	mac.Write([]byte(id))
	return id + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// admin returns a form's owner; 0: there is no valid proof.
func (k *savedForms) admin(f *form) int64 {
	id, _, _ := strings.Cut(f.Get("whose"), ".")
	admin, err := strconv.ParseInt(id, 10, 64)
	if err != nil || !hmac.Equal([]byte(f.Get("whose")), []byte(k.whose(admin))) {
		return 0
	}
	return admin
}

// seal returns a form for the sign-in page.
func (k *savedForms) seal(form *savedForm) (string, error) {
	content, err := json.Marshal(form)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, content, nil)), nil
}

// open returns a sealed form, unless this process did not seal it or it has expired.
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

// A restoredForm is a form on its way back to its owner.
type restoredForm struct {
	visit *visit
	form  *form
}

type restoredFormKey struct{}

// formOf reads a form, unless another administrator filled it in in the same browser.
func formOf(r *http.Request, v *visit) (*form, error) {
	f, err := readForm(r)
	if err != nil {
		return nil, err
	}
	if whose, _, ok := strings.Cut(f.Get("whose"), "."); ok && whose != strconv.FormatInt(v.Actor.ID, 10) {
		f.wipe()
		return nil, errNotYours
	}
	return f, nil
}

// saveForm answers a form without a session with the sign-in page, which holds the
// form if it can be saved.
func (c *Console) saveForm(w http.ResponseWriter, r *http.Request, next string) {
	page := signInPage{Form: newForm("next", next)}
	sealed, secret, err := c.sealForm(w, r)
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		page.Note = language.Say("You were signed out, so nothing was done. What you entered is too long to be saved: go back in your browser and copy it before you sign in again.")
	case err != nil:
		page.Note = language.Say("You were signed out, so nothing was done. Sign in and do it again; choose any file again, too.")
	default:
		page.Form.Values.Set("kept", sealed)
		page.Note = language.Say("You were signed out, so nothing was done. Sign in again as the same administrator: then you can check and send what you entered.")
		if secret {
			page.Note = language.Say("%s %s", page.Note, language.Say("PINs and passwords are not saved."))
		}
	}
	c.showSignIn(w, r, http.StatusUnauthorized, page)
}

// sealForm seals a sent form without its secrets, and says whether it had any.
func (c *Console) sealForm(w http.ResponseWriter, r *http.Request) (sealed string, secret bool, err error) {
	handler, _ := c.mux.Handler(r)
	if h, ok := handler.(*formHandler); !ok || h.show == nil {
		return "", false, errBadForm
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxAnonymousBody)
	f, err := readForm(r)
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

// restoreForm completes a sign-in, and shows the saved form if the administrator is
// its owner.
func (c *Console) restoreForm(w http.ResponseWriter, r *http.Request, s *desk.Session, sealed, next string) error {
	form, ok := c.savedForms.open(sealed)
	switch {
	case !ok:
		setFlash(w, c.languageOf(r).Say(language.Say("What you had entered has expired. Nothing was done.")))
		c.welcome(w, r, s, next)
		return nil
	case form.Admin != s.Actor.ID:
		setFlash(w, c.languageOf(r).Say(language.Say("The form that was filled in here belongs to another administrator, so it is not shown. Nothing was done.")))
		c.welcome(w, r, s, "/")
		return nil
	}
	f := newForm()
	var err error
	if f.Values, err = url.ParseQuery(form.Fields); err != nil {
		return fmt.Errorf("open the saved form: %w", err)
	}
	f.Wrong[""] = language.Say("You were signed out before this was sent, so nothing was done. Check what you entered, and send it.")
	if form.Secret {
		f.Wrong[""] = language.Say("%s %s", f.Wrong[""], language.Say("PINs and passwords were not saved: enter them again."))
	}
	c.signCookies(w, s)
	back := &restoredForm{c.newVisit(r), f}
	if err := c.enter(r.Context(), back.visit, s); err != nil {
		return err
	}
	r = r.WithContext(context.WithValue(r.Context(), restoredFormKey{}, back))
	r.URL = &url.URL{Path: form.Action}
	c.mux.ServeHTTP(w, r)
	return nil
}
