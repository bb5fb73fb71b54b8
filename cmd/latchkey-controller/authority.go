package main

import (
	"context"
	"encoding/pem"
)

func authority(c *invocation) action {
	c.details = "Console, API and broker have certificates of this authority unless they were given others. Programs and browsers\nthat trust it know that it is this site's controller that answers. The certificate is no secret."
	return func(context.Context, []string) error {
		text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.site.Authority().Raw}))
		return c.report(map[string]string{"authority": text}, "%s", text)
	}
}
