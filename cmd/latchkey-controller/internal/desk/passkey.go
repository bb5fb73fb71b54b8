package desk

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// ChallengeEnds is how long a browser may take to answer with a passkey.
const ChallengeEnds = 5 * time.Minute

// maxPasskeyAnswer bounds what a browser says of a passkey, in bytes.
const maxPasskeyAnswer = 16 << 10

// Errors of passkeys.
var (
	// ErrWrongPasskey does not say what was wrong.
	ErrWrongPasskey = language.Say("this passkey is not known here, or it took too long; try again")
	// ErrBegunElsewhere: no challenge of this process is answered, or one that has ended. Nobody guesses one.
	ErrBegunElsewhere = language.Say("this sign-in was begun at another controller, or too long ago; begin again")
	// ErrPasskeyOnly refuses a password.
	ErrPasskeyOnly = language.Say("administrators of your role sign in with a passkey; who has none needs a new link from an Owner, or from latchkey-controller console-link on the controller's machine")
)

// A NoPasskeysError says why no passkey works here.
type NoPasskeysError struct{ why *language.Sentence }

func (e *NoPasskeysError) Error() string { return e.why.String() }

// Said returns why.
func (e *NoPasskeysError) Said() *language.Sentence { return e.why }

// passkeys check passkeys for one origin. A challenge holds its own proof, so that
// strangers leave nothing behind; only those that were answered are remembered.
type passkeys struct {
	origin string // of the console, like https://doors.example.com; "": there are no passkeys
	host   string // of the origin
	check  *webauthn.WebAuthn
	key    [32]byte // proves that a challenge is from here

	mu   sync.Mutex
	used map[string]clock.Steady // answered challenges, and when they end
}

// ConsoleOrigin returns the origin of a console by its name, which may have a port. The
// name is what passkeys belong to, and so cannot be an address.
func ConsoleOrigin(name string) (string, error) {
	u, err := url.Parse("https://" + name)
	host := ""
	if err == nil {
		host = u.Hostname()
	}
	_, notAddress := netip.ParseAddr(host)
	switch {
	case err != nil || u.Host != name || protocol.ValidateRPID(host) != nil:
		return "", language.Say("write a name like doors.example.com, with :PORT if browsers need one")
	case notAddress == nil:
		return "", language.Say("an address has no passkeys: give the machine a name, like doors.example.com")
	case host != strings.ToLower(host) || strings.HasSuffix(host, "."):
		return "", language.Say("write the name in lower case and without a dot at the end")
	case strings.HasSuffix(host, ".local"):
		return "", language.Say("browsers take no passkey for a name that ends in .local")
	}
	return "https://" + strings.TrimSuffix(name, ":443"), nil
}

// ServeAt says at which origin browsers reach the console: passkeys are only for that.
// Call it before anybody signs in.
func (d *Desk) ServeAt(origin string) error {
	u, err := url.Parse(origin)
	if err != nil {
		return err
	}
	rand.Read(d.passkeys.key[:])
	d.passkeys.check, err = webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: "Latchkey " + d.site.Name, RPOrigins: []string{origin}, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired,
		},
	})
	if err == nil {
		d.passkeys.origin, d.passkeys.host = origin, u.Hostname()
	}
	return err
}

// PasskeysUsable returns a NoPasskeysError if no passkey works here.
func (d *Desk) PasskeysUsable(ctx context.Context) error {
	return d.site.View(ctx, d.passkeys.usable)
}

// Origin returns the origin at which passkeys work; "": nowhere.
func (d *Desk) Origin() string { return d.passkeys.origin }

// usable returns why passkeys do not work here; nil: they do.
func (p *passkeys) usable(tx *store.Tx) error {
	if p.check == nil {
		return &NoPasskeysError{language.Say("passkeys need a name of the console: the controller is started without --console-name")}
	}
	n, err := tx.CountPasskeys(0)
	if err != nil || n == 0 {
		return err
	}
	s, err := tx.SignIn()
	if err == nil && s.Host != p.host {
		err = &NoPasskeysError{language.Say("the passkeys here are for the name %s, and the console is called %s now: start the controller with --console-name %s, or remove all passkeys", s.Host, p.host, s.Host)}
	}
	return err
}

// What a challenge is for.
const (
	challengeSignIn = "sign in"
	challengeAgain  = "again"
	challengeAdd    = "add"
)

// challengeLength is of 16 random bytes, the end, and the proof.
const challengeLength = 16 + 8 + sha256.Size

// challenge returns a challenge for one purpose and session; the zero hash: none.
func (p *passkeys) challenge(now clock.Steady, purpose string, session wire.Hash) []byte {
	b := make([]byte, 16, challengeLength)
	rand.Read(b)
	b = binary.BigEndian.AppendUint64(b, uint64(now.Add(ChallengeEnds)))
	return append(b, p.proof(b, purpose, session)...)
}

func (p *passkeys) proof(begin []byte, purpose string, session wire.Hash) []byte {
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write(begin[:24])
	mac.Write(session[:])
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

// own says whether a challenge was made here for a purpose and session, and has not ended.
func (p *passkeys) own(now clock.Steady, text, purpose string, session wire.Hash) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && len(b) == challengeLength && hmac.Equal(b[24:], p.proof(b, purpose, session)) && now < clock.Steady(binary.BigEndian.Uint64(b[16:]))
}

// use returns false if a challenge was answered before.
func (p *passkeys) use(now clock.Steady, text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for known, ends := range p.used {
		if now >= ends {
			delete(p.used, known)
		}
	}
	if _, again := p.used[text]; again {
		return false
	}
	if p.used == nil {
		p.used = map[string]clock.Steady{}
	}
	p.used[text] = now.Add(ChallengeEnds)
	return true
}

// A passkeyUser is an administrator as package webauthn sees them.
type passkeyUser struct {
	id    []byte
	admin *store.Admin
	keys  []*store.Passkey
}

// passkeyUser reads an administrator's passkeys.
func (d *Desk) passkeyUser(tx *store.Tx, admin *store.Admin) (*passkeyUser, error) {
	keys, err := tx.Passkeys(admin.ID)
	id := binary.BigEndian.AppendUint64(append([]byte{}, d.site.ID[:]...), uint64(admin.ID)) // says nothing about who it is
	return &passkeyUser{id, admin, keys}, err
}

func (u *passkeyUser) WebAuthnID() []byte          { return u.id }
func (u *passkeyUser) WebAuthnName() string        { return u.admin.Name }
func (u *passkeyUser) WebAuthnDisplayName() string { return u.admin.Name }

func (u *passkeyUser) WebAuthnCredentials() (all []webauthn.Credential) {
	for _, key := range u.keys {
		c := webauthn.Credential{
			ID: key.Credential, PublicKey: key.Key,
			Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: key.Eligible, BackupState: key.BackedUp},
			Authenticator: webauthn.Authenticator{AAGUID: key.AAGUID, SignCount: key.Count},
		}
		for _, t := range key.Transports {
			c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
		}
		all = append(all, c)
	}
	return all
}

func (u *passkeyUser) descriptors() []protocol.CredentialDescriptor {
	return webauthn.Credentials(u.WebAuthnCredentials()).CredentialDescriptors()
}

// AskPasskey returns what a browser needs to ask for a passkey: for a sign-in, or with the
// token of a session to make that fresh. It is JSON, PublicKeyCredentialRequestOptionsJSON.
func (d *Desk) AskPasskey(ctx context.Context, token string) (options []byte, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error {
		if err := d.passkeys.usable(tx); err != nil {
			return err
		}
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		purpose, session := challengeSignIn, wire.Hash{}
		var allowed []protocol.CredentialDescriptor
		if token != "" {
			user, hash, err := d.ownPasskeys(tx, token)
			if err != nil {
				return err
			}
			purpose, session, allowed = challengeAgain, hash, user.descriptors()
		}
		asked, _, err := d.passkeys.check.BeginDiscoverableLogin(webauthn.WithChallenge(d.passkeys.challenge(now, purpose, session)), webauthn.WithAllowedCredentials(allowed))
		if err != nil {
			return err
		}
		options, err = json.Marshal(asked.Response)
		return err
	})
	return options, err
}

// ownPasskeys returns a session's administrator with their passkeys, and the session's hash.
func (d *Desk) ownPasskeys(tx *store.Tx, token string) (*passkeyUser, wire.Hash, error) {
	_, row, _, err := d.open(tx, token)
	if err != nil {
		return nil, wire.Hash{}, err
	}
	admin, err := tx.Admin(row.Admin)
	if err != nil {
		return nil, wire.Hash{}, err
	}
	user, err := d.passkeyUser(tx, admin)
	return user, row.Hash, err
}

// proven returns the administrator whose passkey gave an answer, and the passkey, which it
// marks as used. The error is ErrWrongPasskey, or ErrBegunElsewhere, if the answer is no proof.
func (d *Desk) proven(tx *store.Tx, purpose string, session wire.Hash, answer []byte) (*store.Admin, *store.Passkey, error) {
	if err := d.passkeys.usable(tx); err != nil {
		return nil, nil, err
	}
	if len(answer) > maxPasskeyAnswer {
		return nil, nil, ErrWrongPasskey
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, nil, ErrWrongPasskey
	}
	now, err := d.steady(tx)
	if err != nil {
		return nil, nil, err
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	if !d.passkeys.own(now, challenge, purpose, session) {
		return nil, nil, ErrBegunElsewhere
	}
	key, err := tx.PasskeyOf(parsed.RawID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, ErrWrongPasskey
	}
	if err != nil {
		return nil, nil, err
	}
	admin, err := tx.Admin(key.Admin)
	if err != nil {
		return nil, nil, err
	}
	user, err := d.passkeyUser(tx, admin)
	if err != nil {
		return nil, nil, err
	}
	begun := webauthn.SessionData{Challenge: challenge, RelyingPartyID: d.passkeys.host, UserVerification: protocol.VerificationRequired}
	_, given, err := d.passkeys.check.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) { return user, nil }, begun, parsed)
	if err != nil || given.Authenticator.CloneWarning { // it counts, and did not go on counting: it was copied
		return nil, nil, ErrWrongPasskey
	}
	if !d.passkeys.use(now, challenge) {
		return nil, nil, ErrWrongPasskey
	}
	key.Count, key.BackedUp, key.Used = given.Authenticator.SignCount, given.Flags.BackupState, d.now().Unix()
	return admin, key, tx.TouchPasskey(key)
}

// SignInWithPasskey signs in with what a browser answered to AskPasskey. The error is
// ErrWrongPasskey, ErrBegunElsewhere, or a *TooSoonError after many wrong ones from that address.
func (d *Desk) SignInWithPasskey(ctx context.Context, answer []byte, from Client) (session *Session, err error) {
	err = d.site.Update(ctx, func(tx *store.Tx) error {
		admin, key, err := d.proven(tx, challengeSignIn, wire.Hash{}, answer)
		if err != nil {
			return err
		}
		if session, err = d.begin(tx, admin, from); err != nil {
			return err
		}
		return tx.AddAudit(new(auditTarget).audit(d.now(), session.Actor, actSignIn, store.Done, auditOf(language.Say("from %s with the passkey %s¦an address, a name", from.Address, key.Name))))
	})
	if errors.Is(err, ErrWrongPasskey) {
		err = d.wrongPasskey(ctx, Actor{Name: unknownAccount, Via: Console}, from, forAddress(from.Address))
	}
	return session, err
}

// SignInAgainWithPasskey makes a session's sign-in fresh with what a browser answered to
// AskPasskey. The errors are SignInWithPasskey's, and ErrSignedOut.
func (d *Desk) SignInAgainWithPasskey(ctx context.Context, token string, answer []byte, from Client) error {
	var who Actor
	err := d.site.Update(ctx, func(tx *store.Tx) error {
		session, row, now, err := d.open(tx, token)
		if err != nil {
			return err
		}
		who = session.Actor
		admin, _, err := d.proven(tx, challengeAgain, row.Hash, answer)
		if err != nil {
			return err
		}
		if admin.ID != row.Admin {
			return ErrWrongPasskey
		}
		row.Seen, row.Authenticated = now, now
		return tx.TouchSession(row, d.now())
	})
	if errors.Is(err, ErrWrongPasskey) {
		err = d.wrongPasskey(ctx, who, from, forSession(token))
	}
	return err
}

// wrongPasskey charges and audits a passkey that proved nothing, and returns
// ErrWrongPasskey or a *TooSoonError. A right one is taken whatever was charged: nobody
// guesses one.
func (d *Desk) wrongPasskey(ctx context.Context, who Actor, from Client, by throttle) error {
	failed := error(ErrWrongPasskey)
	err := d.site.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		refused, err := charge(tx, now, []throttle{by})
		if err != nil || refused != nil {
			failed = refused
			return err
		}
		return tx.AddRefused(new(auditTarget).audit(d.now(), who, actSignIn, store.Refused, auditOf(language.Say("wrong passkey, from %s¦an address", from.Address))))
	})
	if err != nil {
		return err
	}
	return failed
}
