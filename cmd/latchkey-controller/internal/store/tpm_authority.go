package store

// TPMAuthorities returns the certificates, X.509, DER, of those whose certificates of TPMs
// the site trusts, in the order in which they were added, those of one second by their bytes.
func (t *Tx) TPMAuthorities() (certificates [][]byte, err error) {
	err = t.rows(`SELECT certificate FROM tpm_authorities ORDER BY added, certificate`, nil, func(r scanner) error {
		var certificate []byte
		err := r.Scan(&certificate)
		certificates = append(certificates, certificate)
		return err
	})
	return certificates, err
}

// AddTPMAuthority adds one, unless it is there. now is in Unix seconds.
func (t *Tx) AddTPMAuthority(now int64, certificate []byte) error {
	return t.exec(`INSERT INTO tpm_authorities (certificate, added) VALUES (?, ?) ON CONFLICT DO NOTHING`, certificate, now)
}

// RemoveTPMAuthority removes one.
func (t *Tx) RemoveTPMAuthority(certificate []byte) error {
	return t.exec(`DELETE FROM tpm_authorities WHERE certificate = ?`, certificate)
}
