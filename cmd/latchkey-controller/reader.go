package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

func readerAddCommand(ctx context.Context, c console, args []string) error {
	o := newOptions(c, "reader add", "--reader ID --request FILE --out BUNDLE --group GROUP… [--door NAME] [--place NAME] [--time-zone ZONE] [--broker URL] [--fingerprint FP]",
		"Answers a reader's request (latchkeyd identity writes one) with a bundle, sealed to that board, that\nmakes it a reader of this site. A reader that is added again keeps what is not given anew; the newer\nbundle revokes the older one. Schedules of the groups that may open are set afterwards:\nlatchkey-controller policy.")
	var form desk.AdoptForm
	o.StringVar(&form.Reader, "reader", "", "the reader's `id`: up to 32 lower-case letters, digits and hyphens")
	request := o.String("request", "", "the request's `file`")
	out := o.String("out", "", "the bundle is written to this `file`")
	o.StringVar(&form.Broker, "broker", "", "`URL` at which the reader meets the controller")
	o.StringVar(&form.Fingerprint, "fingerprint", "", "the `fingerprint` on the reader's screen, which must be the request's; shown for comparing unless given")
	o.StringVar(&form.Door, "door", "", "the door's `name`, as the screen shows it; the reader's id unless given")
	o.StringVar(&form.Place, "place", "", "the `name` of the place where the door is")
	o.StringVar(&form.TimeZone, "time-zone", "", "the door's time `zone` for schedules, like Europe/Berlin; the site's unless given")
	access := accessFlag(o, "a `group` that may open the door, always; may be repeated; everyone: all users; none: nobody yet; a new reader needs it")
	if _, err := o.parse(args, 0, "reader", "request", "out"); err != nil {
		return err
	}
	signed, err := readFile(*request, wire.MaxMessage)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	d, err := openCounter(ctx, o)
	if err != nil {
		return err
	}
	defer d.close()
	form.Request, form.Access = signed, *access
	if form.Fingerprint == "" {
		asked, err := d.ReadRequest(ctx, d.actor, signed)
		if err != nil {
			return err
		}
		form.Fingerprint = asked.Fingerprint
	}
	aside, err := os.CreateTemp(filepath.Dir(*out), filepath.Base(*out)+".new-*")
	if err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	defer os.Remove(aside.Name())
	defer aside.Close()
	adoption, err := d.Adopt(ctx, d.actor, form, func(bundle []byte) error {
		if _, err := aside.Write(bundle); err != nil {
			return fmt.Errorf("write the bundle: %w", err)
		}
		return aside.Sync()
	})
	if wrong := desk.Fields(err); len(wrong) == 1 && wrong["access"] != "" && form.Access == nil {
		return usagef("latchkey-controller reader add: %s is a new reader: say who may open its door, with --group GROUP for each\ngroup that may, --group everyone for all users, or --group none for nobody yet", form.Reader)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(aside.Name(), *out); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	sayPlaceLacks(c, "door", adoption.Policy.Door)
	sayPlaceLacks(c, "location", adoption.Policy.Place)
	return printAdoption(c, o, adoption, *out)
}

func printAdoption(c console, o *options, a *site.Adoption, out string) error {
	if o.json {
		return printJSON(c.out, map[string]any{
			"reader": a.Reader, "number": a.Number, "revokes": a.Revoked, "moved-from": a.Moved, "request-fingerprint": a.Board, "controller-fingerprint": a.Controller, "bundle-fingerprint": a.Bundle,
			"credentials": a.Count, "revision": a.Revision, "policy-revision": a.Policy.Revision, "bundle": out,
		})
	}
	fmt.Fprintf(c.out, `reader      %s, at the door %q, time zone %s
open to     %s
request     %s
            The reader's screen shows the same. If it does not, somebody put in another request:
            do not use this bundle.
controller  %s
            latchkeyd adopt shows the same.
bundle      %s
            number %d, with %d credentials at revision %d, in %s
`, a.Reader, a.Policy.Door, a.Policy.TimeZone, accessText(a.Policy.Access), a.Board, a.Controller, a.Bundle, a.Number, a.Count, a.Revision, out)
	if a.Revoked != 0 {
		fmt.Fprintf(c.out, "            It revokes this reader's bundle %d.\n", a.Revoked)
	}
	if a.Moved != "" {
		fmt.Fprintf(c.out, "            This board was the reader %s, which has no board now.\n", a.Moved)
	}
	what := "it tells the reader of changes only every 30 s until it has the new access list"
	then := "have Mosquitto reload"
	if a.Revoked != 0 || a.Moved != "" {
		what = "it lets the older bundle in until it has the new list of revoked certificates"
		then = "restart Mosquitto"
	}
	fmt.Fprintf(c.out, "\nIf the site's broker is a Mosquitto, %s:\nlatchkey-controller broker-config --dir %s --out DIR, then %s\n", what, o.dir, then)
	_, err := fmt.Fprintf(c.out, "\nAt the reader: latchkeyd adopt --data DIR %s\n", filepath.Base(out))
	return err
}

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, at most %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}
