package main

import (
	"context"
	"encoding/pem"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func authority(c *invocation) action {
	c.details = "Console, API and broker have certificates of this authority unless they were given others. Programs and browsers\nthat trust it know that it is this site's controller that answers. The certificate is no secret. The console offers it\nat /trust, with steps for each system: compare the SHA-256 that is printed here with the one there."
	return func(context.Context, []string) error {
		text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.site.Authority().Raw}))
		fingerprint := desk.CertificateFingerprint(c.site.Authority())
		if !c.json {
			fmt.Fprintf(c.err, "SHA-256 %s\n", fingerprint) // beside the certificate, which goes into a file
		}
		return c.report(map[string]string{"authority": text, "sha256": fingerprint}, "%s", text)
	}
}
