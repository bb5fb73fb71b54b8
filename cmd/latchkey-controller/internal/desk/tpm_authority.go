package desk

import (
	"context"
	"crypto/x509"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A TPMAuthority is somebody whose certificates of TPMs the site trusts.
type TPMAuthority struct {
	Name        string // common name
	Subject     string // RFC 2253
	Fingerprint string // of the certificate
	Until       time.Time
}

func tpmAuthority(c *x509.Certificate) *TPMAuthority {
	return &TPMAuthority{Name: site.AuthorityName(c), Subject: c.Subject.String(), Fingerprint: wire.Fingerprint(c.Raw), Until: c.NotAfter}
}

// TPMAuthorities returns those whose certificates of TPMs the site trusts. None: it takes
// TPMs at their word.
func (d *Desk) TPMAuthorities(ctx context.Context, a Actor) (authorities []*TPMAuthority, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		stored, err := site.TPMAuthorities(tx)
		for _, c := range stored {
			authorities = append(authorities, tpmAuthority(c))
		}
		return err
	})
	return authorities, err
}

// maxTPMAuthorities bounds how many a site has.
const maxTPMAuthorities = 100

// AddTPMAuthorities trusts the authorities of a file with their certificates, PEM or DER, at
// adoptions from now on: only TPMs that one of them has certified are adopted. Field:
// "authority".
func (d *Desk) AddTPMAuthorities(ctx context.Context, a Actor, file []byte) (added []*TPMAuthority, err error) {
	target := &auditTarget{subject: d.site.Name}
	err = d.act(ctx, a, SetTPMTrust, target, func(tx *store.Tx, now time.Time) error {
		authorities, err := site.ParseTPMAuthorities(file, now)
		if err != nil {
			return wrongField("authority", err)
		}
		before, err := tx.TPMAuthorities()
		if err != nil {
			return err
		}
		if len(before)+len(authorities) > maxTPMAuthorities {
			return wrong("authority", "A site trusts at most %d authorities: remove some first", maxTPMAuthorities)
		}
		var names []string
		for _, c := range authorities {
			if err := tx.AddTPMAuthority(now.Unix(), c.Raw); err != nil {
				return err
			}
			added = append(added, tpmAuthority(c))
			names = append(names, site.AuthorityName(c))
		}
		target.text = language.Say("those of %s, too¦TPMs of makers", strings.Join(names, ", "))
		return nil
	})
	return added, err
}

// RemoveTPMAuthority trusts the authority with this fingerprint at no adoption any more.
// What was adopted stays. Field: "authority".
func (d *Desk) RemoveTPMAuthority(ctx context.Context, a Actor, fingerprint string) error {
	target := &auditTarget{subject: d.site.Name}
	return d.act(ctx, a, SetTPMTrust, target, func(tx *store.Tx, _ time.Time) error {
		authorities, err := site.TPMAuthorities(tx)
		if err != nil {
			return err
		}
		for _, c := range authorities {
			if wire.Fingerprint(c.Raw) != fingerprint {
				continue
			}
			target.text = language.Say("those of %s no more¦TPMs of a maker", site.AuthorityName(c))
			if len(authorities) == 1 {
				target.text = language.Say("those of %s no more: each is taken at its word¦TPMs of a maker", site.AuthorityName(c))
			}
			return tx.RemoveTPMAuthority(c.Raw)
		}
		return wrong("authority", "The site trusts no authority with this fingerprint: latchkey-controller tpm-authority list shows all of them")
	})
}
