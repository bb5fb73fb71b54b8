package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Report counts what a check covered.
type Report struct {
	Epoch       uint64 `json:"epoch"`
	Revision    uint64 `json:"revision"`
	Users       int    `json:"users"`
	Credentials int    `json:"credentials"`
	Readers     int    `json:"readers"`
	Schedules   int    `json:"schedules"`
	Database    string `json:"database"` // where it is
}

// Check reads everything and returns the first error: the log's chain must be intact,
// replaying it must give the stored credentials, and each of these must decrypt and
// match its tag, and its card's key. Policies must have the hours of the schedules that they
// use.
func (s *Site) Check(ctx context.Context) (report Report, err error) {
	report.Database = s.Place()
	err = s.store.View(ctx, func(tx *store.Tx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		report.Epoch, report.Revision = head.Epoch, head.Revision
		replayed, err := replay(tx, head)
		if err != nil {
			return err
		}
		entries, err := entries(tx)
		if err != nil {
			return err
		}
		for i := range entries {
			entry := &entries[i]
			if !bytes.Equal(replayed[entry.Tag], wire.Marshal(&entry.Credential)) {
				return fmt.Errorf("credential %d differs from the log", entry.Credential.ID)
			}
		}
		if len(replayed) != len(entries) {
			return fmt.Errorf("the log has %d credentials, and the database %d", len(replayed), len(entries))
		}
		if report.Credentials, err = s.checkMaterial(tx); err != nil {
			return err
		}
		users, err := tx.Users()
		if err != nil {
			return err
		}
		readers, err := tx.Readers()
		if err != nil {
			return err
		}
		former, err := tx.Former()
		if err != nil {
			return err
		}
		for _, id := range readers {
			if err := checkPolicy(tx, id, slices.Contains(former, id)); err != nil {
				return fmt.Errorf("policy of %s: %w", id, err)
			}
		}
		report.Users, report.Readers = len(users), len(readers)
		if report.Schedules, err = checkSchedules(tx); err != nil {
			return err
		}
		return errors.Join(checkCells(tx), s.checkWebhooks(tx), s.checkMail(tx), s.checkOIDC(tx), s.checkBrokerClients(tx))
	})
	return report, err
}

// checkMail decrypts the password for the mail server.
func (s *Site) checkMail(tx *store.Tx) error {
	m, err := tx.Mail()
	if errors.Is(err, store.ErrNotFound) || err == nil && len(m.Password) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	password, err := s.Unseal(SealedMail, 0, m.Password)
	clear(password)
	return err
}

// checkOIDC decrypts the secret for the provider at which administrators sign in.
func (s *Site) checkOIDC(tx *store.Tx) error {
	o, err := tx.OIDC()
	if errors.Is(err, store.ErrNotFound) || err == nil && len(o.Secret) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	secret, err := s.Unseal(SealedOIDC, 0, o.Secret)
	clear(secret)
	return err
}

// checkWebhooks decrypts the secrets of all webhooks.
func (s *Site) checkWebhooks(tx *store.Tx) error {
	webhooks, err := tx.Webhooks()
	for _, w := range webhooks {
		secret, err := s.Unseal(SealedWebhook, w.ID, w.Sealed)
		if err != nil {
			return err
		}
		clear(secret)
	}
	return err
}

// checkPolicy reads a reader's policy, which must list the visitors of its door, and no others,
// unless the reader was removed.
func checkPolicy(tx *store.Tx, reader string, removed bool) error {
	p, err := tx.Policy(reader)
	if err != nil || removed {
		return err
	}
	is := string(wire.Marshal(p))
	if err := admitVisitors(tx, p); err != nil {
		return err
	}
	if string(wire.Marshal(p)) != is {
		return errors.New("its visitors are not those of its door")
	}
	return nil
}

// replay applies the log up to a head, and returns the resulting credentials,
// encoded.
func replay(tx *store.Tx, head wire.Position) (map[wire.Tag][]byte, error) {
	credentials := make(map[wire.Tag][]byte)
	h, last := wire.Start(head.Epoch), uint64(0)
	err := tx.Changes(head.Epoch, 0, head.Revision, func(revision uint64, encoded []byte, hash wire.Hash) error {
		var change wire.Change
		if err := wire.Unmarshal(encoded, wire.MaxDelta, &change); err != nil {
			return fmt.Errorf("change %d: %w", revision, err)
		}
		if h = h.Extend(change); revision != last+1 || h != hash {
			return fmt.Errorf("change %d does not follow from the ones before it", revision)
		}
		last = revision
		if change.Credential == nil {
			delete(credentials, change.Tag)
		} else {
			credentials[change.Tag] = wire.Marshal(change.Credential)
		}
		return nil
	})
	return credentials, err
}

// checkMaterial decrypts each credential, those of users who are suspended, too, recomputes its
// tag, and returns how many there are.
func (s *Site) checkMaterial(tx *store.Tx) (n int, err error) {
	keys, err := s.tagKeys(tx)
	if err != nil {
		return 0, err
	}
	credentials, err := tx.Credentials()
	if err != nil {
		return 0, err
	}
	for _, c := range credentials {
		material, err := s.vault.Unseal(c.Kind.String(), c.ID, c.Material)
		if err != nil {
			return 0, err
		}
		if tag, err := keys.Tag(c.Kind, material); err != nil {
			return 0, err
		} else if tag != c.Tag {
			return 0, fmt.Errorf("credential %d: its tag does not match its material", c.ID)
		}
		if err := s.checkCardKey(tx, keys, c, material); err != nil {
			return 0, err
		}
	}
	return len(credentials), nil
}
