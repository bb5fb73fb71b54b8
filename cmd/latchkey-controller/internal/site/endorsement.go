package site

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// The maker of a TPM certifies its endorsement key. A site that has authorities adopts only
// boards whose TPM one of them has certified, and gives them keys that only such a TPM
// takes: see tpm.Wrap. Whether it was so is decided at the adoption, and stays.

// ParseTPMAuthorities parses a file with certificates of authorities, PEM, or one, DER.
func ParseTPMAuthorities(file []byte, now time.Time) (authorities []*x509.Certificate, err error) {
	if !bytes.Contains(file, []byte("-----BEGIN ")) {
		authorities, err = appendAuthority(nil, file, now)
		return authorities, err
	}
	for {
		block, rest := pem.Decode(file)
		switch {
		case block == nil && len(authorities) == 0:
			return nil, language.Say("there is no certificate in it")
		case block == nil:
			return authorities, nil
		case block.Type != "CERTIFICATE":
			return nil, language.Say("there is something else in it than certificates: %s", language.Quoted(block.Type, 40))
		}
		if authorities, err = appendAuthority(authorities, block.Bytes, now); err != nil {
			return nil, err
		}
		file = rest
	}
}

func appendAuthority(authorities []*x509.Certificate, der []byte, now time.Time) ([]*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	switch {
	case err != nil:
		return nil, language.Say("it cannot be read as an X.509 certificate: %s", err)
	case !c.BasicConstraintsValid || !c.IsCA || c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return nil, language.Say("%s is not an authority's certificate: its maker publishes that of the authority that signs its TPMs'", language.Quoted(c.Subject.String(), 1000))
	case now.After(c.NotAfter):
		return nil, language.Say("the certificate of %s was good until %s: get its newer one", language.Quoted(c.Subject.String(), 1000), c.NotAfter.Format(time.DateOnly))
	}
	return append(authorities, c), nil
}

// TPMAuthorities returns the site's authorities.
func TPMAuthorities(tx *store.Tx) (authorities []*x509.Certificate, err error) {
	stored, err := tx.TPMAuthorities()
	if err != nil {
		return nil, err
	}
	for _, der := range stored {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("a stored authority of TPMs: %w", err)
		}
		authorities = append(authorities, c)
	}
	return authorities, nil
}

// CheckTPM returns the authority that has certified the TPM of a request; nil: the site has
// none, and takes the TPM at its word, or the board has no TPM. The error may be a
// *Refusal.
func CheckTPM(tx *store.Tx, now time.Time, request *wire.Request) (*x509.Certificate, error) {
	authorities, err := TPMAuthorities(tx)
	if err != nil || len(authorities) == 0 || request.TPM == nil {
		return nil, err
	}
	if len(request.TPM.Endorsement) == 0 {
		return nil, refuse("this board's TPM has no certificate of its maker, or its program is too old to tell, and this site adopts only TPMs that have one. " +
			"Take another board, one without a TPM if need be; or remove the authorities, and every TPM is taken at its word")
	}
	certificate, err := tpm.ParseEndorsement(request.TPM.Endorsement)
	if err != nil {
		return nil, refuse("the certificate of this board's TPM cannot be used: %s", err)
	}
	authority, err := verifyEndorsement(certificate, authorities, now)
	if err != nil {
		return nil, refuse("the certificate of this board's TPM is by %s, and none of the site's authorities stands behind it: %s. "+
			"If that is who makes such TPMs, add the certificate that they publish to the authorities; if not, the board is not what it says", language.Quoted(certificate.Issuer.String(), 100), err)
	}
	return authority, nil
}

// verifyEndorsement returns which of the authorities stands behind the certificate of an
// endorsement key (RFC 5280 §6; TCG EK Credential Profile, "X.509 EK Certificate").
func verifyEndorsement(c *x509.Certificate, authorities []*x509.Certificate, now time.Time) (*x509.Certificate, error) {
	subjectAltName, endorsementKey := asn1.ObjectIdentifier{2, 5, 29, 17}, asn1.ObjectIdentifier{2, 23, 133, 8, 1}
	switch uses := c.UnknownExtKeyUsage; {
	case c.IsCA:
		return nil, language.Say("it is an authority's own")
	case c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageKeyEncipherment|x509.KeyUsageKeyAgreement) == 0:
		return nil, language.Say("it is not for a key that decrypts")
	case len(uses)+len(c.ExtKeyUsage) > 0 && !slices.ContainsFunc(uses, endorsementKey.Equal):
		return nil, language.Say("it is not for an endorsement key")
	}
	// Its subject may be empty, and the TPM's maker and model be in a critical subject
	// alternative name, of a kind that crypto/x509 leaves to us. We need neither.
	c.UnhandledCriticalExtensions = slices.DeleteFunc(c.UnhandledCriticalExtensions, subjectAltName.Equal)
	trusted := x509.NewCertPool()
	for _, authority := range authorities {
		trusted.AddCert(authority)
	}
	chains, err := c.Verify(x509.VerifyOptions{Roots: trusted, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil, err
	}
	return chains[0][1], nil
}

// AuthorityName returns what people call an authority: its common name, if it has one.
func AuthorityName(authority *x509.Certificate) string {
	return cmp.Or(authority.Subject.CommonName, authority.Subject.String())
}
