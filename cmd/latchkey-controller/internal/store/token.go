package store

import (
	"errors"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/sync/wire"
)

// A Token lets a program act for an administrator through the API.
type Token struct {
	ID       int64
	Admin    int64     // who made it; 0: the command line
	By       string    // the name of that administrator; "": the command line
	Role     string    // of that administrator; "": the command line
	Limited  bool      // that administrator is
	Hash     wire.Hash // of its text
	Name     string
	Scopes   []string
	Networks []string // from where it is taken, as netip.Prefix; none: from anywhere
	Created  int64    // Unix seconds
	Ends     clock.Steady
	Used     int64 // the last day on which it was used, Unix seconds; 0: never
	Refused  int64 // the last day on which it was used after its end, Unix seconds; 0: never
}

// AddToken adds a token and fills in the ID, which is never reused. The error is
// ErrNameTaken if another has the same name, ignoring case and accents.
func (t *Tx) AddToken(k *Token) error {
	var admin any
	if k.Admin != 0 {
		admin = k.Admin
	}
	err := t.row(`INSERT INTO tokens (admin_id, hash, name, folded, scopes, networks, created, ends, used, refused) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT (folded) DO NOTHING RETURNING id`,
		[]any{admin, k.Hash[:], k.Name, Fold(k.Name), strings.Join(k.Scopes, " "), strings.Join(k.Networks, " "), k.Created, k.Ends}, &k.ID)
	if errors.Is(err, ErrNotFound) {
		return ErrNameTaken
	}
	return err
}

// Tokens returns all tokens, by name.
func (t *Tx) Tokens() ([]*Token, error) { return t.tokens(`TRUE ORDER BY t.folded`) }

// Token returns a token, or ErrNotFound.
func (t *Tx) Token(id int64) (*Token, error) { return t.token(`t.id = ?`, id) }

// TokenHashed returns the token whose text has a hash, or ErrNotFound.
func (t *Tx) TokenHashed(hash wire.Hash) (*Token, error) { return t.token(`t.hash = ?`, hash[:]) }

func (t *Tx) token(where string, arg any) (*Token, error) {
	found, err := t.tokens(where, arg)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, ErrNotFound
	}
	return found[0], nil
}

func (t *Tx) tokens(where string, args ...any) (tokens []*Token, err error) {
	err = t.rows(`SELECT t.id, coalesce(t.admin_id, 0), coalesce(a.name, ''), coalesce(a.role, ''), coalesce(a.limited, 0), t.hash, t.name, t.scopes, t.networks, t.created, t.ends, t.used, t.refused
		FROM tokens t LEFT JOIN admins a ON a.id = t.admin_id WHERE `+where, args, func(r scanner) error {
		var k Token
		var scopes, networks string
		err := r.Scan(&k.ID, &k.Admin, &k.By, &k.Role, &k.Limited, fixed(k.Hash[:]), &k.Name, &scopes, &networks, &k.Created, &k.Ends, &k.Used, &k.Refused)
		k.Scopes, k.Networks = strings.Fields(scopes), strings.Fields(networks)
		tokens = append(tokens, &k)
		return err
	})
	return tokens, err
}

// UseToken notes the day on which a token was used, Unix seconds, or used after its end.
func (t *Tx) UseToken(id, day int64, over bool) error {
	column := `used`
	if over {
		column = `refused`
	}
	return t.exec(`UPDATE tokens SET `+column+` = ? WHERE id = ?`, day, id)
}

// RemoveToken removes a token, which has no effect from then on.
func (t *Tx) RemoveToken(id int64) error { return t.exec(`DELETE FROM tokens WHERE id = ?`, id) }
