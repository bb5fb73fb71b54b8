package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func tpmAuthority(c *invocation) action {
	c.details = "FILE has certificates of authorities, PEM, or one, DER: a TPM's maker publishes that of the authority that signs\nthe certificates of its TPMs. While a site has any, only boards are adopted whose TPM one of them has certified,\nor that have none; and their keys are for a TPM with that certificate alone. Without, a TPM is taken at its word.\nWhat was adopted before stays as it is: have it adopted anew."
	return func(ctx context.Context, args []string) error {
		switch args[0] {
		case "add":
			file, err := readFile(args[1], desk.MaxRequest)
			if err != nil {
				return fmt.Errorf("read the certificates: %w", err)
			}
			added, err := c.desk.AddTPMAuthorities(ctx, c.actor, file)
			if err != nil {
				return err
			}
			var names []string
			for _, a := range added {
				names = append(names, a.Name)
			}
			return c.report(map[string]any{"added": tpmAuthorityRows(added)}, "TPMs are adopted if certified by: %s\n", strings.Join(names, ", "))
		case "remove":
			if err := c.desk.RemoveTPMAuthority(ctx, c.actor, args[1]); err != nil {
				return err
			}
			return c.report(map[string]any{"removed": args[1]}, "no TPM is adopted any more because of %s\n", args[1])
		}
		authorities, err := c.desk.TPMAuthorities(ctx, c.actor)
		if err != nil {
			return err
		}
		var lines []string
		for _, a := range authorities {
			lines = append(lines, fmt.Sprintf("%s  until %s  %s", a.Fingerprint, a.Until.Format(time.DateOnly), a.Subject))
		}
		return c.printTable(tpmAuthorityRows(authorities), "no authorities: each TPM is taken at its word; add one with: latchkey-controller tpm-authority --dir "+c.dir+" add FILE", "", lines)
	}
}

// A tpmAuthorityRow is an authority as JSON.
type tpmAuthorityRow struct {
	Fingerprint string `json:"fingerprint"`
	Subject     string `json:"subject"`
	Until       string `json:"until"`
}

func tpmAuthorityRows(authorities []*desk.TPMAuthority) []tpmAuthorityRow {
	rows := []tpmAuthorityRow{}
	for _, a := range authorities {
		rows = append(rows, tpmAuthorityRow{a.Fingerprint, a.Subject, a.Until.Format(time.RFC3339)})
	}
	return rows
}
