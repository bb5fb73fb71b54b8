package main

import (
	"context"
	"crypto/ecdh"
	"errors"
	"fmt"
	"io/fs"

	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/cache"
	"latchkey/sync/wire"
)

// grantCommand brings keys of the epoch that the reader holds, and with them the newest
// grant for its TPM, by a file. It is the message that the link would have brought.
func grantCommand(_ context.Context, c *call) error {
	data := c.flags.String("data", "", "the reader's data `directory`")
	if err := c.parse(1); err != nil {
		return err
	}
	if *data == "" {
		return usagef("latchkeyd grant needs --data DIR and the file that the controller has written")
	}
	signed, err := datadir.Read(c.flags.Arg(0), wire.MaxMessage)
	if err != nil {
		return fmt.Errorf("read the grant: %w", err)
	}
	if err := asOwner(*data); err != nil {
		return err
	}
	site, err := adoption.ReadSite(*data)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("no site has adopted this reader yet: a grant comes after the bundle")
	}
	if err != nil {
		return err
	}
	id, err := adoption.ReadIdentity(*data)
	if err != nil {
		return err
	}
	sealing, err := id.SealingKey()
	if err != nil {
		return err
	}
	epoch, keys, err := openGrant(site, sealing, signed)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	replaced, err := cache.ReplaceKey(cache.Options{Dir: *data}, epoch, keys)
	switch {
	case errors.Is(err, cache.ErrEpoch):
		return fmt.Errorf("the grant is for epoch %d, and the reader holds another one: have the controller write one for the reader as it is now, or adopt the reader anew (%w)", epoch, err)
	case errors.Is(err, cache.ErrOlder):
		return errors.New("the grant is older than what this reader has: have the controller write the newest one")
	case err != nil:
		return err
	}
	says := "a running reader takes it over within a minute"
	if !replaced {
		says = "it was there already: nothing has changed"
	}
	fmt.Fprintf(c.stdout, "%s, epoch %d: %s; %s\n", site.Reader, epoch, may(keys), says)
	return nil
}

// openGrant checks a grant and opens it. The caller wipes the keys.
func openGrant(site *adoption.Site, sealing *ecdh.PrivateKey, signed []byte) (epoch uint64, keys *wire.EpochKeys, err error) {
	sealed, err := wire.OpenKey(site.ID, signed, site.ControllerKey())
	switch {
	case errors.Is(err, wire.ErrSignature):
		return 0, nil, fmt.Errorf("the grant is not from the controller of site %s: fetch it from there (%w)", site.Name, err)
	case err != nil:
		return 0, nil, fmt.Errorf("the file is no grant, or it is damaged: have the controller write it again (%w)", err)
	case sealed.Reader != site.Reader:
		return 0, nil, fmt.Errorf("the grant is for reader %s, and this is %s: fetch the right one", sealed.Reader, site.Reader)
	}
	if keys, err = sealed.Unseal(sealing); err != nil {
		return 0, nil, fmt.Errorf("the grant is for another board: have the controller write one for the board that it adopted last as %s (%w)", site.Reader, err)
	}
	return sealed.Epoch, keys, nil
}

// may says what a reader may do with its keys.
func may(keys *wire.EpochKeys) string {
	switch {
	case keys.TPM != nil:
		return fmt.Sprintf("its TPM checks PINs until it has counted %d", keys.TPM.Grant.Limit)
	case len(keys.PIN) == 0:
		return "cards only; the site gives the PIN key to readers with a TPM alone"
	}
	return "PINs and cards"
}
