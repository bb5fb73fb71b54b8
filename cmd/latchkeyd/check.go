package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/cmd/latchkeyd/internal/handover"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device/cache"
	"latchkey/device/pin/tpm"
	"latchkey/keypad/touch"
)

// checkCommand reports what is wrong with the config and with what it names.
func checkCommand(ctx context.Context, command *call) error {
	c, err := command.config()
	if err != nil {
		return err
	}
	problems := append(board.Check(c.Board, newLog(command.stderr, slog.LevelWarn)), checkData(ctx, c), c.checkPersistent())
	if c.Touch.Device != "" {
		if err := touch.CheckEvdev(c.Touch.Device); err != nil {
			problems = append(problems, &board.KeyError{Key: "touch.device", Err: err})
		}
	}
	if c.Watchdog.Device != "" {
		problems = append(problems, supervision.CheckTimer(c.Watchdog.Device))
	}
	var can string // the TPM
	if c.Key.TPM != "" {
		description, err := describeTPM(ctx, c.Key.TPM)
		if err != nil {
			problems = append(problems, &board.KeyError{Key: "key.tpm", Err: err})
		} else {
			can = description.String()
		}
	}
	where := c.whereToAdopt(ctx)
	texts := []string{}
	for _, problem := range problems {
		if problem != nil {
			texts = append(texts, c.located(problem).Error())
		}
	}
	switch {
	case c.json:
		err = printJSON(command.stdout, struct {
			Reader   string   `json:"reader"`
			Board    string   `json:"board"`
			TPM      string   `json:"tpm,omitempty"`
			Adoption string   `json:"adoption,omitempty"`
			Problems []string `json:"problems"`
		}{c.Reader.ID, c.Board.Kind, can, where, texts})
	case len(texts) > 0:
		_, err = fmt.Fprintln(command.stdout, strings.Join(texts, "\n"))
	default:
		_, err = fmt.Fprintf(command.stdout, "%s: no problems found in the config and what it names\n", cmp.Or(c.Reader.ID, c.path))
		for _, more := range []string{can, where} {
			if more != "" && err == nil {
				_, err = fmt.Fprintln(command.stdout, more)
			}
		}
	}
	if err == nil && len(texts) > 0 {
		err = fmt.Errorf("%d problems", len(texts))
	}
	return err
}

// whereToAdopt says where a reader that no site has adopted looks for a controller, and which
// ones there are; "" of one that looks for none. That there is none now is no problem: a bundle
// may come in a file.
func (c *config) whereToAdopt(ctx context.Context) string {
	if _, err := adoption.ReadSite(c.Reader.Data); !errors.Is(err, fs.ErrNotExist) || !c.Adoption.Searches() {
		return ""
	}
	if c.Adoption.Controller != handover.DNSSD {
		return "It is not adopted, and will ask the controller at " + c.Adoption.Controller + "."
	}
	found, err := handover.Find(ctx)
	if err != nil {
		return "It is not adopted, and cannot look for a controller now: " + err.Error()
	}
	if len(found) == 0 {
		return "It is not adopted, and no controller announces itself on its network now. One in another network must be named: adoption.controller."
	}
	var names []string
	for _, f := range found {
		names = append(names, fmt.Sprintf("%q", strings.TrimSuffix(f.Host, ".")))
	}
	return "It is not adopted, and will ask the controllers on its network, now " + strings.Join(names, ", ") + "."
}

// checkData reports what is wrong in a data directory, which may not exist yet.
func checkData(ctx context.Context, c *config) error {
	dir := c.Reader.Data
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := datadir.Open(dir); err != nil {
		return err
	}
	err := checkOwnKeys(ctx, dir, c.Key.TPM)
	site, siteErr := adoption.ReadSite(dir)
	switch {
	case errors.Is(siteErr, fs.ErrNotExist):
		return err
	case siteErr != nil:
		return errors.Join(err, siteErr)
	}
	options := cache.Options{Dir: dir, Site: site.ID, Controller: site.ControllerKey()}
	_, policyErr := cache.LoadPolicy(options, site.Reader)
	return errors.Join(err, site.CheckReader(c.Reader.ID), policyErr, checkKeys(options, c.Key.TPM))
}

// checkOwnKeys reports what is wrong with the reader's own keys, if it has any. What is wrong
// with the TPM as such is reported elsewhere.
func checkOwnKeys(ctx context.Context, dir, named string) error {
	id, err := adoption.ReadIdentity(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var chip *tpm.TPM
	if named != "" {
		chip = tpm.Open(named)
		defer chip.Close()
	}
	_, key, err := id.Signers(ctx, chip)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(nil)
	if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA256); errors.Is(err, tpm.ErrIdentity) {
		return err
	}
	return nil
}

// checkKeys reports what is wrong with the keys of the newest epoch.
func checkKeys(options cache.Options, named string) error {
	credentials := cache.Open(options)
	defer credentials.Close()
	epoch, err := credentials.Epoch()
	if err != nil {
		return err
	}
	keys, err := cache.ReadKey(epoch.KeyFile)
	if err != nil {
		return err
	}
	defer keys.Wipe()
	switch {
	case keys.TPM != nil && named == "":
		return errNoTPM
	case keys.TPM == nil && named != "":
		return errInFile
	}
	return nil
}

// describeTPM says what a TPM is and can do; the error says why it cannot keep the keys.
func describeTPM(ctx context.Context, path string) (*tpm.Description, error) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	t := tpm.Open(path)
	description, err := t.Describe(ctx)
	if err == nil {
		err = description.Lacks
	}
	return description, errors.Join(err, t.Close())
}
