// Package migrations has the SQL of the schema's migrations, in the order of the files' names. It is apart from package
// store, which alone uses it, so that nothing else is compiled anew for another one.
package migrations

import "embed"

// Files has a directory of each engine.
//
//go:embed postgres sqlite
var Files embed.FS
