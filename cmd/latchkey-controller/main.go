// Command latchkey-controller keeps a site: its users with their PINs and
// cards, its readers, and the signed log of credentials that readers follow.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	_ "time/tzdata" // time zones are known on machines without any

	"golang.org/x/sys/unix"
)

const usage = `latchkey-controller keeps a site: its users with their PINs and cards, and its readers.

  latchkey-controller init        --dir DIR --site NAME            makes a new site in a directory
  latchkey-controller user add    --dir DIR --name NAME …          adds a user, with a PIN, a card or both
  latchkey-controller user edit   --dir DIR USER …                 changes a user's name, groups and dates
  latchkey-controller user list   --dir DIR                        shows all users
  latchkey-controller user pin    --dir DIR USER set|generate|remove   changes a user's PIN
  latchkey-controller user card   --dir DIR USER add|remove UID    gives a user a card, takes it away
  latchkey-controller user card   --dir DIR USER enrol READER      gives a user the card that is shown next
  latchkey-controller user remove --dir DIR USER                   removes a user with PIN and cards
  latchkey-controller reader add  --dir DIR --reader ID --request FILE --out BUNDLE --group GROUP …
                                                                   answers a reader's request for adoption
  latchkey-controller reader list --dir DIR                        shows all readers, and how they are
  latchkey-controller reader remove --dir DIR READER [--lost]      lets a reader in no more
  latchkey-controller policy      --dir DIR READER show|set …      what a reader is told about its door
  latchkey-controller place list  --dir DIR                        shows locations, hubs, doors and readers
  latchkey-controller place add|rename|move|remove --dir DIR …     changes them

  latchkey-controller serve       --dir DIR …                      runs the controller
  latchkey-controller console-link --dir DIR                       makes a link that lets the Owner in
  latchkey-controller admin list  --dir DIR                        shows all administrators
  latchkey-controller admin add|role|link|sign-out|remove --dir DIR NAME …
                                                                   changes who may use the console
  latchkey-controller unlock      --dir DIR READER                 opens a door once
  latchkey-controller hold        --dir DIR READER DURATION        holds a door open
  latchkey-controller release     --dir DIR READER                 ends a hold
  latchkey-controller identify    --dir DIR READER                 lets a reader show which one it is
  latchkey-controller activity    --dir DIR …                      shows what has happened, in sentences
  latchkey-controller audit       --dir DIR …                      shows what administrators have done
  latchkey-controller records     --dir DIR …                      shows what readers have reported

  latchkey-controller backup      --dir DIR --out FILE …           writes the site to an encrypted file
  latchkey-controller restore     --dir DIR --from FILE …          makes a site of a backup
  latchkey-controller site rekey  --dir DIR                        makes a new site key, after a theft
  latchkey-controller site storage-key --dir DIR                   encrypts the database with another key
  latchkey-controller settings    --dir DIR show|set …             how long activity is kept, and the time zone
  latchkey-controller clock       --dir DIR show|confirm           whether this machine's clock is in doubt
  latchkey-controller broker-config --dir DIR --out DIR …          configures a Mosquitto for the site
  latchkey-controller check       --dir DIR                        reads everything, says what is wrong
  latchkey-controller version                                      shows what this is

USER is a user's number, or a name that only one user has. Each command takes --help, and --json
where a program may want to read what it prints.

A first site:

  latchkey-controller init --dir site --site home
  latchkey-controller user add --dir site --name "Ada Lovelace" --pin auto
  latchkeyd identity --data data --out request          (at the reader)
  latchkey-controller reader add --dir site --reader front-door --request request --out bundle --group everyone
  latchkeyd adopt --data data bundle                    (at the reader)
  latchkey-controller serve --dir site

Exit codes: 0 done, 1 failed, 2 wrong use.
`

// version is set by the linker: -X main.version=…
var version = "devel"

// console is where a command reads and writes.
type console struct {
	in       *os.File
	out, err io.Writer
}

func main() { os.Exit(run()) }

// run returns the exit code.
func run() int {
	if err := harden(); err != nil {
		fmt.Fprintln(os.Stderr, "latchkey-controller:", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command(ctx, console{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:])
	var wrong usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &wrong):
		if wrong != "" {
			fmt.Fprintln(os.Stderr, wrong)
		}
		return 2
	default:
		fmt.Fprintln(os.Stderr, "latchkey-controller:", err)
		return 1
	}
}

// harden keeps digits that pass through memory from ending up in a core dump,
// and files from being readable by others.
func harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	unix.Umask(0o077)
	return nil
}

func command(ctx context.Context, c console, args []string) error {
	if len(args) == 0 {
		return usageError(usage)
	}
	name, rest := args[0], args[1:]
	if slices.Contains([]string{"user", "reader", "site", "admin", "place"}, name) && len(rest) > 0 {
		name, rest = name+" "+rest[0], rest[1:]
	}
	switch name {
	case "init":
		return initCommand(ctx, c, rest)
	case "user add":
		return userAddCommand(ctx, c, rest)
	case "user list":
		return userListCommand(ctx, c, rest)
	case "user edit":
		return userEditCommand(ctx, c, rest)
	case "user pin":
		return userPINCommand(ctx, c, rest)
	case "user card":
		return userCardCommand(ctx, c, rest)
	case "user remove":
		return userRemoveCommand(ctx, c, rest)
	case "reader add":
		return readerAddCommand(ctx, c, rest)
	case "reader list":
		return readerListCommand(ctx, c, rest)
	case "reader remove":
		return readerRemoveCommand(ctx, c, rest)
	case "policy":
		return policyCommand(ctx, c, rest)
	case "place list":
		return placeListCommand(ctx, c, rest)
	case "place add":
		return placeAddCommand(ctx, c, rest)
	case "place rename":
		return placeRenameCommand(ctx, c, rest)
	case "place move":
		return placeMoveCommand(ctx, c, rest)
	case "place remove":
		return placeRemoveCommand(ctx, c, rest)
	case "admin list":
		return adminListCommand(ctx, c, rest)
	case "admin add":
		return adminAddCommand(ctx, c, rest)
	case "admin role":
		return adminRoleCommand(ctx, c, rest)
	case "admin link":
		return adminLinkCommand(ctx, c, rest)
	case "admin sign-out":
		return adminSignOutCommand(ctx, c, rest)
	case "admin remove":
		return adminRemoveCommand(ctx, c, rest)
	case "serve":
		return serveCommand(ctx, c, rest)
	case "unlock":
		return unlockCommand(ctx, c, rest)
	case "hold":
		return holdCommand(ctx, c, rest)
	case "release":
		return releaseCommand(ctx, c, rest)
	case "identify":
		return identifyCommand(ctx, c, rest)
	case "console-link":
		return consoleLinkCommand(ctx, c, rest)
	case "activity":
		return activityCommand(ctx, c, rest)
	case "audit":
		return auditCommand(ctx, c, rest)
	case "records":
		return recordsCommand(ctx, c, rest)
	case "settings":
		return settingsCommand(ctx, c, rest)
	case "clock":
		return clockCommand(ctx, c, rest)
	case "backup":
		return backupCommand(ctx, c, rest)
	case "restore":
		return restoreCommand(ctx, c, rest)
	case "site rekey":
		return siteRekeyCommand(ctx, c, rest)
	case "site storage-key":
		return siteStorageKeyCommand(ctx, c, rest)
	case "broker-config":
		return brokerConfigCommand(ctx, c, rest)
	case "check":
		return checkCommand(ctx, c, rest)
	case "version", "--version":
		_, err := fmt.Fprintln(c.out, "latchkey-controller", version)
		return err
	case "help", "-h", "--help":
		_, err := fmt.Fprint(c.out, usage)
		return err
	default:
		return usagef("latchkey-controller: unknown command %q\n\n%s", name, usage)
	}
}

// usageError is a wrong use, exit code 2. The empty one has been said already.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// options are the flags of a command, with those that each command has.
type options struct {
	*flag.FlagSet
	dir  string
	json bool
}

// newOptions returns the flags of a command; form is what follows its name.
func newOptions(c console, name, form, purpose string) *options {
	o := &options{FlagSet: flag.NewFlagSet("latchkey-controller "+name, flag.ContinueOnError)}
	o.SetOutput(c.err)
	o.Usage = func() {
		fmt.Fprintf(c.err, "usage: %s --dir DIR %s\n\n%s\n\n", o.Name(), form, purpose)
		o.PrintDefaults()
	}
	o.StringVar(&o.dir, "dir", "", "the site's `directory`")
	o.BoolVar(&o.json, "json", false, "print JSON")
	return o
}

// parse reads flags, which may stand before, between and after n arguments. It
// insists on --dir and on the flags that are named.
func (o *options) parse(args []string, n int, required ...string) (arguments []string, err error) {
	for {
		if err := o.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, usageError("") // flag has said it
		}
		if args = o.Args(); len(args) == 0 {
			break
		}
		arguments, args = append(arguments, args[0]), args[1:]
	}
	for _, name := range append([]string{"dir"}, required...) {
		if o.Lookup(name).Value.String() == "" {
			return nil, usagef("%s needs --%s; see %s --help", o.Name(), name, o.Name())
		}
	}
	if len(arguments) != n {
		return nil, usagef("%s takes %d arguments besides its flags, not %d; see %s --help", o.Name(), n, len(arguments), o.Name())
	}
	return arguments, nil
}

// printLine prints JSON on one line, for what may not end.
func printLine(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
