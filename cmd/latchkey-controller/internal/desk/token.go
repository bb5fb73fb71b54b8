package desk

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"hash/crc32"
	"net/netip"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Scope is what a token is for. It never allows more than the role of the
// administrator who made the token.
type Scope string

// The scopes.
const (
	ScopeRead      Scope = "read"      // places, readers and what they report, without persons
	ScopeActivity  Scope = "activity"  // what happened, with the names of persons
	ScopeOperate   Scope = "operate"   // unlock doors and set their modes
	ScopeManage    Scope = "manage"    // users, their credentials and groups, policies of doors
	ScopeEmergency Scope = "emergency" // lockdown and evacuation
	ScopeWebhooks  Scope = "webhooks"  // where events are sent
	ScopeAdopt     Scope = "adopt"     // readers
)

// Scopes returns all scopes.
func Scopes() []Scope {
	return []Scope{ScopeRead, ScopeActivity, ScopeOperate, ScopeManage, ScopeEmergency, ScopeWebhooks, ScopeAdopt}
}

var scopeTexts = map[Scope]*language.Sentence{
	ScopeRead:      language.Say("See places, doors and readers, and what they report; no persons"),
	ScopeActivity:  language.Say("See what has happened, with the names of persons"),
	ScopeOperate:   language.Say("Unlock doors, set their modes"),
	ScopeManage:    language.Say("See and change users, PINs, cards, groups, visitors, schedules and the settings of doors"),
	ScopeEmergency: language.Say("Lock down, evacuate, and end both"),
	ScopeWebhooks:  language.Say("Choose where events are sent"),
	ScopeAdopt:     language.Say("Adopt readers"),
}

// Text says what the scope allows.
func (s Scope) Text() *language.Sentence { return scopeTexts[s] }

// A Token lets a program act through the API. Its text is shown once, when it is made.
type Token struct {
	ID       int64
	Name     string
	By       string // the administrator who made it; "": the command line
	Scopes   []Scope
	Networks []string // from where it is taken, like 192.0.2.0/24; none: from anywhere
	Made     time.Time
	Ends     time.Time // by the controller's clock as it is now
	Over     bool
	Used     time.Time // the day of the last use; zero: never
	Limited  bool      // it acts at the locations of who made it only
}

// A TokenForm is a token to be made. Its fields in errors are "name", "scopes",
// "networks", "days".
type TokenForm struct {
	Name     string
	Scopes   []Scope
	Networks []string // addresses, or ranges like 192.0.2.0/24
	Days     int      // until it ends
}

// Limits of tokens.
const (
	maxTokens     = 100
	maxTokenDays  = 5 * 366
	maxNetworks   = 16
	tokenNameSays = " (token)" // follows the name of the token in what it does
)

// TokenDays is how long a token lasts unless another time is chosen.
const TokenDays = 365

// ErrNoToken refuses a token that does not exist, or has ended, or is used from where it is
// not taken. It does not say which.
var ErrNoToken = language.Say("the token is not valid: it is unknown, was revoked, has ended, or is not taken from this address; an administrator can make a new one")

// A token is "lk_", 30 random letters and digits, and their checksum, so that scanners for
// secrets recognize one, and a typing error costs no look-up.
const (
	tokenPrefix = "lk_"
	tokenRandom = 30
	tokenCheck  = 6
	base62      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// newTokenText returns the text of a new token, with 178 bits of randomness.
func newTokenText() string {
	var b strings.Builder
	b.WriteString(tokenPrefix)
	for b.Len() < len(tokenPrefix)+tokenRandom {
		var one [1]byte
		rand.Read(one[:])
		if int(one[0]) < 4*len(base62) { // no bias
			b.WriteByte(base62[int(one[0])%len(base62)])
		}
	}
	return b.String() + checksum(b.String())
}

// checksum returns the CRC-32 of text in base 62.
func checksum(text string) string {
	sum, digits := crc32.ChecksumIEEE([]byte(text)), [tokenCheck]byte{}
	for i := range digits {
		digits[tokenCheck-1-i] = base62[sum%62]
		sum /= 62
	}
	return string(digits[:])
}

// isToken says whether text can be a token.
func isToken(text string) bool {
	const size = len(tokenPrefix) + tokenRandom
	return len(text) == size+tokenCheck && strings.HasPrefix(text, tokenPrefix) && checksum(text[:size]) == text[size:]
}

// tokenRole returns the role of the administrator who made a token.
func tokenRole(row *store.Token) Role {
	if row.Admin == 0 {
		return Owner // whoever has the directory owns the site
	}
	return Role(row.Role)
}

// tokenLimited says whether the administrator who made a token is limited to locations.
func tokenLimited(row *store.Token) bool { return row.Limited && tokenRole(row) != Owner }

// Tokens returns all tokens, by name; to those who are limited to locations their own ones.
func (d *Desk) Tokens(ctx context.Context, a Actor) (tokens []*Token, err error) {
	err = d.view(ctx, a, ViewTokens, func(tx *store.Tx) error {
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		rows, err := tx.Tokens()
		for _, row := range rows {
			if !r.all && row.Admin != r.admin {
				continue
			}
			k := &Token{ID: row.ID, Name: row.Name, By: row.By, Networks: row.Networks, Made: moment(row.Created), Used: moment(row.Used), Limited: tokenLimited(row)}
			k.Ends, k.Over = d.now().Add(row.Ends.Sub(now)), row.Ends <= now
			for _, scope := range row.Scopes {
				k.Scopes = append(k.Scopes, Scope(scope))
			}
			tokens = append(tokens, k)
		}
		return err
	})
	return tokens, err
}

// row returns the token of the form, or the errors in its fields.
func (f *TokenForm) row() (*store.Token, FieldErrors) {
	var wrongs FieldErrors
	k := &store.Token{Name: TidyName(f.Name)}
	switch longest := wire.MaxName - len(tokenNameSays); {
	case store.Fold(k.Name) == "":
		wrongs.add(wrong("name", "Enter what the token is for, with letters or digits"))
	case len(k.Name) > longest:
		wrongs.add(wrong("name", "The name is too long (%d bytes): at most %d fit", len(k.Name), longest))
	default:
		wrongs.add(wrongField("name", wire.CheckLabel(k.Name)))
	}
	for _, scope := range Scopes() {
		if slices.Contains(f.Scopes, scope) {
			k.Scopes = append(k.Scopes, string(scope))
		}
	}
	for _, scope := range f.Scopes {
		if !slices.Contains(Scopes(), scope) {
			wrongs.add(wrong("scopes", "There is no scope %s: choose some of those that are listed", language.Quoted(string(scope), 20)))
		}
	}
	if len(k.Scopes) == 0 {
		wrongs.add(wrong("scopes", "Choose what the token is for"))
	}
	for _, text := range f.Networks {
		network, err := ParseNetwork(text)
		if err != nil {
			wrongs.add(wrongField("networks", err))
			continue
		}
		k.Networks = append(k.Networks, network.String())
	}
	if len(k.Networks) > maxNetworks {
		wrongs.add(wrong("networks", "Enter at most %d addresses or ranges", maxNetworks))
	}
	if f.Days < 1 || f.Days > maxTokenDays {
		wrongs.add(wrong("days", "Choose 1 to %d days", maxTokenDays))
	}
	return k, wrongs
}

// ParseNetwork reads an address, or a range of them.
func ParseNetwork(text string) (netip.Prefix, error) {
	wrong := language.Say("%s is not an address: write one like 192.0.2.1, or a range like 192.0.2.0/24", language.Quoted(text, 50))
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return p, wrong
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() { // requests are compared as IPv4
		if p.Bits() < 96 {
			return p, wrong
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// MakeToken makes a token, and returns its text, for the caller to show once.
func (d *Desk) MakeToken(ctx context.Context, a Actor, form TokenForm) (id int64, text string, err error) {
	target := &auditTarget{subject: cut(TidyName(form.Name), wire.MaxName)}
	err = d.act(ctx, a, MakeToken, target, func(tx *store.Tx, now time.Time) error {
		k, wrongs := form.row()
		if err := wrongs.err(); err != nil {
			return err
		}
		in, err := siteZone(tx)
		if err != nil {
			return err
		}
		ends := time.Duration(form.Days) * 24 * time.Hour
		says := language.Series{language.Say("for %s¦what a token may do", strings.Join(k.Scopes, ", ")), language.Say("until %s¦a time", language.Moment(now.Add(ends).In(in)))}
		if len(k.Networks) > 0 {
			says = append(says, language.Say("from %s¦networks", strings.Join(k.Networks, ", ")))
		}
		target.text = language.Say("%s", says)
		before, err := tx.Tokens()
		if err != nil {
			return err
		}
		if len(before) >= maxTokens {
			return wrong("name", "A site has at most %d tokens: revoke those that nobody uses", maxTokens)
		}
		steady, err := d.steady(tx)
		if err != nil {
			return err
		}
		text = newTokenText()
		k.Admin, k.Hash, k.Created, k.Ends = a.ID, hashToken(text), now.Unix(), steady.Add(ends)
		err = tx.AddToken(k)
		if errors.Is(err, store.ErrNameTaken) {
			return wrong("name", "Another token has this name; choose a different one")
		}
		id = k.ID
		return err
	})
	return id, text, err
}

// RevokeToken removes a token: it has no effect from then on.
func (d *Desk) RevokeToken(ctx context.Context, a Actor, id int64) error {
	target := new(auditTarget)
	return d.act(ctx, a, RevokeToken, target, func(tx *store.Tx, _ time.Time) error {
		k, err := tx.Token(id)
		if err != nil {
			return err
		}
		target.subject = k.Name
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		if !r.all && k.Admin != a.ID {
			return notAllowed(language.Say("somebody else has made this token, and you are limited to some locations"))
		}
		return tx.RemoveToken(id)
	})
}

// TokenActor returns who acts with a token, given by its text, from an address; or
// ErrNoToken.
func (d *Desk) TokenActor(ctx context.Context, text, address string) (Actor, error) {
	if !isToken(text) {
		return Actor{}, ErrNoToken
	}
	return d.tokenActor(ctx, address, func(tx *store.Tx) (*store.Token, error) { return tx.TokenHashed(hashToken(text)) })
}

// TokenStands returns the actor of a token as it is now, for what lasts; or ErrNoToken.
func (d *Desk) TokenStands(ctx context.Context, a Actor, address string) (Actor, error) {
	return d.tokenActor(ctx, address, func(tx *store.Tx) (*store.Token, error) { return tx.Token(a.token()) })
}

func (d *Desk) tokenActor(ctx context.Context, address string, find func(*store.Tx) (*store.Token, error)) (a Actor, err error) {
	var k *store.Token
	var now clock.Steady
	err = d.site.View(ctx, func(tx *store.Tx) (err error) {
		if now, err = d.steady(tx); err != nil {
			return err
		}
		k, err = find(tx)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return a, ErrNoToken
	}
	if err != nil {
		return a, err
	}
	a = Actor{ID: -k.ID, Name: k.Name + tokenNameSays, Role: tokenRole(k), FreshSignIn: true, Via: API, scopes: strings.Join(k.Scopes, " "), limited: tokenLimited(k)}
	var reason *language.Sentence
	switch {
	case k.Ends <= now:
		reason = language.Say("it has ended¦a token")
	case !takenFrom(k.Networks, address):
		reason = language.Say("from %s, from where it is not taken¦an address, a token", cut(address, 64))
	}
	// The day is enough, and saves most writes.
	day := d.now().Truncate(24 * time.Hour).Unix()
	noted := k.Used
	if reason != nil {
		noted = k.Refused
	}
	if noted != day {
		err = d.site.Update(ctx, func(tx *store.Tx) error {
			err := tx.UseToken(k.ID, day, reason != nil)
			if reason != nil {
				err = errors.Join(err, tx.AddAudit(new(auditTarget).audit(d.now(), a, actUseToken, store.Refused, auditOf(reason))))
			}
			return err
		})
	}
	if reason != nil {
		return Actor{}, cmp.Or[error](err, ErrNoToken)
	}
	return a, nil // also if the use cannot be noted: the disk may be full, and doors are to open
}

// takenFrom says whether a token is taken from an address.
func takenFrom(networks []string, address string) bool {
	from, err := netip.ParseAddr(address)
	return len(networks) == 0 || err == nil && slices.ContainsFunc(networks, func(text string) bool {
		network, err := netip.ParsePrefix(text)
		return err == nil && network.Contains(from.Unmap().WithZone(""))
	})
}
