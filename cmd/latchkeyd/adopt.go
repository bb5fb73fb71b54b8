package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

func identityCommand(ctx context.Context, c *call) (err error) {
	data := c.flags.String("data", "", "the reader's data `directory`")
	path := c.flags.String("config", "", "the reader's config `file`, instead of --data: its TPM, if it names one, gets the keys")
	out := c.flags.String("out", "", "write the request for the controller to this `file`")
	asJSON := c.flags.Bool("json", false, "print JSON")
	if err := c.parse(0); err != nil {
		return err
	}
	if (*data == "") == (*path == "") || *out == "" {
		return usagef("latchkeyd identity needs --config FILE or --data DIR, and --out FILE")
	}
	var device string // of the TPM
	if *path != "" {
		config, err := readConfig(*path)
		if err != nil {
			return err
		}
		*data, device = config.Reader.Data, config.Key.TPM
	}
	if err := datadir.Open(*data); err != nil {
		return err
	}
	file, err := openOut(*out, *data)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	defer file.Close()
	if err := asOwner(*data); err != nil {
		return err
	}
	var chip *tpm.TPM
	if device != "" {
		chip = tpm.Open(device)
		defer closing(&err, chip.Close)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*openWithin)
	defer cancel()
	running, err := readyTPM(ctx, *data, chip)
	if err != nil {
		return err
	}
	var id *adoption.Identity
	if *path == "" {
		id, err = adoption.IdentityHere(ctx, *data)
	} else {
		id, err = adoption.MakeIdentity(ctx, *data, chip)
	}
	if err != nil {
		return err
	}
	request, fingerprint, err := id.Request(ctx, *data, running, chip)
	if err != nil {
		return err
	}
	_, err = file.Write(request)
	if err := errors.Join(err, file.Truncate(int64(len(request))), file.Close()); err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	if _, waits := adoption.WaitsForGrant(*data); chip != nil && !(running && waits) {
		fmt.Fprintln(c.stderr, "The request asks for no budget of PINs, as the reader does not run: after adoption PINs will wait for one more answer of the controller. Better start the reader and run this again.")
	}
	if *asJSON {
		return printJSON(c.stdout, map[string]string{"fingerprint": fingerprint, "request": *out})
	}
	fmt.Fprintf(c.stdout, "fingerprint  %s\nrequest      %s\n\nGive the request to the controller: latchkey-controller reader add --dir SITE --reader ID --group GROUP --broker URL --request %s --out BUNDLE\n", fingerprint, *out, filepath.Base(*out))
	return nil
}

// readyTPM prepares the TPM for a request, unless a running reader does that. chip is nil if
// there is none, or it is not known.
func readyTPM(ctx context.Context, dir string, chip *tpm.TPM) (running bool, err error) {
	unlock, err := datadir.Lock(dir)
	if errors.Is(err, datadir.ErrLocked) {
		if chip == nil {
			return true, nil
		}
		named, waits := adoption.WaitsForGrant(dir)
		for end := time.Now().Add(tpmWithin); !waits && time.Now().Before(end); named, waits = adoption.WaitsForGrant(dir) {
			time.Sleep(100 * time.Millisecond) // it may just have been started
		}
		if !named {
			return true, errors.New("the running reader has not reached its TPM yet: see latchkeyd status, and run this again")
		}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer unlock()
	if chip == nil {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	request, err := chip.Request(ctx)
	if err != nil {
		return false, &board.KeyError{Key: "key.tpm", Err: err}
	}
	_, err = adoption.KeepTPM(dir, request)
	return false, err
}

func adoptCommand(_ context.Context, c *call) error {
	data := c.flags.String("data", "", "the reader's data `directory`")
	replace := c.flags.Bool("replace-site", false, "accept a bundle of another site, or an older one of the same site after that was restored from a backup")
	if err := c.parse(1); err != nil {
		return err
	}
	if *data == "" {
		return usagef("latchkeyd adopt needs --data DIR and the bundle's file")
	}
	if err := datadir.Open(*data); err != nil {
		return err
	}
	sealed, err := datadir.Read(c.flags.Arg(0), wire.MaxBundle)
	if err != nil {
		return fmt.Errorf("read the bundle: %w", err)
	}
	if err := asOwner(*data); err != nil {
		return err
	}
	bundle, err := adoption.Adopt(*data, sealed, *replace)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "adopted by site %s as %s; its controller's key is %s\n", bundle.SiteName, bundle.Reader, wire.Fingerprint(bundle.Controller[:]))
	return nil
}
