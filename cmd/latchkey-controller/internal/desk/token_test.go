package desk

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/sync/wire"
)

// token makes a token for everything, as whoever acts.
func (w *world) token(ctx context.Context, a Actor) (id int64, text string, err error) {
	w.n++
	a.ID = min(a.ID, 0) // the others have no row in the database
	return w.MakeToken(ctx, a, TokenForm{Name: fmt.Sprint("Program ", w.n), Scopes: Scopes(), Days: 30})
}

// acting returns the actor of a new token of an administrator of a role.
func (w *world) acting(role Role, scopes ...Scope) (a Actor, text string) {
	w.t.Helper()
	w.n++
	name := fmt.Sprint("Maker ", w.n)
	id, _, err := w.AddAdmin(w.t.Context(), as(Owner), name, role, nil)
	w.must(err)
	maker := Actor{ID: id, Name: name, Role: Super, FreshSignIn: true, Via: Console}
	_, text, err = w.MakeToken(w.t.Context(), maker, TokenForm{Name: fmt.Sprint("Program ", w.n), Scopes: scopes, Days: 30})
	w.must(err)
	a, err = w.TokenActor(w.t.Context(), text, "192.0.2.1")
	w.must(err)
	return a, text
}

func TestATokenMayDoWhatItsScopesAndItsMakerMay(t *testing.T) {
	t.Parallel()
	for _, act := range Acts() {
		scope := rules[act].scope
		if act == UndoMode { // only of one's own lockdown
			continue
		}
		for _, role := range Roles() {
			t.Run(string(act)+"/"+string(role), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				var others []Scope
				for _, s := range Scopes() {
					if s != scope {
						others = append(others, s)
					}
				}
				for i, prepare := range attempts[act] {
					if i > 0 {
						break // one way is enough: the right is checked before
					}
					do := prepare(w)
					if a, _ := w.acting(role, others...); !errors.Is(do(t.Context(), a), ErrNoScope) {
						t.Errorf("a token with the scopes %v did it", others)
					}
					if scope == "" {
						continue
					}
					a, _ := w.acting(role, scope)
					switch err := do(t.Context(), a); {
					case as(role).May(act) && err != nil:
						t.Errorf("a token with the scope %s: %v", scope, err)
					case !as(role).May(act) && !errors.Is(err, ErrNotAllowed):
						t.Errorf("a token with the scope %s of %s did it: %v", scope, role, err)
					}
				}
			})
		}
	}
}

func TestATokenEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	id, text, err := w.MakeToken(ctx, AtCommandLine("root"), TokenForm{Name: "Home Assistant", Scopes: []Scope{ScopeOperate}, Networks: []string{"192.0.2.0/24", "2001:db8::1"}, Days: 2})
	w.must(err)
	for _, from := range []string{"192.0.2.7", "2001:db8::1", "::ffff:192.0.2.9"} {
		if a, err := w.TokenActor(ctx, text, from); err != nil || a.Name != "Home Assistant (token)" || a.Via != API {
			t.Errorf("from %s: %+v, %v", from, a, err)
		}
	}
	refused := func(text, from string) {
		t.Helper()
		if a, err := w.TokenActor(ctx, text, from); !errors.Is(err, ErrNoToken) || a != (Actor{}) {
			t.Errorf("%q from %s: %+v, %v", text, from, a, err)
		}
	}
	refused(text, "198.51.100.1")
	refused(text, "")
	for _, wrong := range []string{"", "lk_", text[:len(text)-1], text + "A", "lk_" + text[4:] + "x", newTokenText()} {
		refused(wrong, "192.0.2.7")
	}
	w.pass(24 * time.Hour)
	w.put = -30 * 24 * time.Hour // somebody sets the clock back: the token gets no younger
	w.pass(23 * time.Hour)
	if _, err := w.TokenActor(ctx, text, "192.0.2.7"); err != nil {
		t.Error(err)
	}
	w.pass(time.Hour)
	refused(text, "192.0.2.7")
	if e := w.newest(); e.Kind != "admin.token.use" || e.Result != Refused || e.Who != "Home Assistant (token)" {
		t.Errorf("its use after the end is not noted: %+v", e)
	}
	w.must(w.RevokeToken(ctx, as(Owner), id))
	refused(text, "192.0.2.7")
}

func TestATokenIsGoneWithItsMakerAndWhenItIsRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	reader := w.reader()
	a, text := w.acting(Super, ScopeOperate)
	row := func() (maker int64) {
		tokens, err := w.Tokens(ctx, as(Owner))
		w.must(err)
		maker, err = w.FindAdmin(ctx, as(Owner), tokens[0].By)
		w.must(err)
		return maker
	}
	unlock := func() error { _, err := w.Order(ctx, a, reader, wire.Unlock); return err }
	w.must(unlock())
	if e := w.newest(); e.Who != a.Name {
		t.Errorf("the unlock is noted as %+v", e)
	}
	maker := row()
	w.must(w.SetRole(ctx, as(Owner), maker, Viewer))
	if err := unlock(); !errors.Is(err, ErrNotAllowed) { // with the actor of before
		t.Errorf("its maker may not unlock any more, and it did: %v", err)
	}
	w.must(w.RemoveAdmin(ctx, as(Owner), maker))
	if err := unlock(); !errors.Is(err, ErrNoToken) {
		t.Errorf("its maker is gone, and it unlocked: %v", err)
	}
	if _, err := w.TokenStands(ctx, a, "192.0.2.1"); !errors.Is(err, ErrNoToken) {
		t.Error(err)
	}
	if _, err := w.TokenActor(ctx, text, "192.0.2.1"); !errors.Is(err, ErrNoToken) {
		t.Error(err)
	}
}

func TestAWrongTokenFormSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := TokenForm{Name: "n8n", Scopes: []Scope{ScopeRead}, Days: 1}
	_, _, err := w.MakeToken(t.Context(), AtCommandLine("root"), good)
	w.must(err)
	for field, spoil := range map[string]func(*TokenForm){
		"name":     func(f *TokenForm) { f.Name = "N8N" },
		"scopes":   func(f *TokenForm) { f.Name, f.Scopes = "a", []Scope{"root"} },
		"networks": func(f *TokenForm) { f.Name, f.Networks = "b", []string{"everywhere"} },
		"days":     func(f *TokenForm) { f.Name, f.Days = "c", 0 },
	} {
		form := good
		spoil(&form)
		if _, _, err := w.MakeToken(t.Context(), as(Owner), form); Fields(err)[field] == nil {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestARangeOfATokenIsTakenHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32", "192.0.2.7/24": "192.0.2.0/24", "::ffff:192.0.2.0/120": "192.0.2.0/24",
		"2001:db8::1/32": "2001:db8::/32", "::/0": "::/0", "0.0.0.0/0": "0.0.0.0/0",
	} {
		if is, err := ParseNetwork(text); err != nil || is.String() != want {
			t.Errorf("%s is %s, %v", text, is, err)
		}
	}
	for _, text := range []string{"", "192.0.2", "192.0.2.7/33", "fe80::1%eth0", "::ffff:192.0.2.0/64", "a"} {
		if is, err := ParseNetwork(text); err == nil {
			t.Errorf("%q is %s", text, is)
		}
	}
}

func TestATokenWorksThoughItsUseCannotBeNoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, text, err := w.MakeToken(t.Context(), AtCommandLine("root"), TokenForm{Name: "n8n", Scopes: []Scope{ScopeRead}, Networks: []string{"192.0.2.1"}, Days: 1})
	w.must(err)
	sitetest.Refuse(t, w.dir, "UPDATE", "tokens")
	if a, err := w.TokenActor(t.Context(), text, "192.0.2.1"); err != nil || !a.May(ViewReaders) {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := w.TokenActor(t.Context(), text, "192.0.2.2"); err == nil {
		t.Error("it is taken from elsewhere")
	}
	w.pass(2 * day)
	if _, err := w.TokenActor(t.Context(), text, "192.0.2.1"); err == nil {
		t.Error("it is taken after its end")
	}
}
