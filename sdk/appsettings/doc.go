// Package appsettings is the one configuration loader of the product, used by
// every binary: appsettings.json, over it appsettings.{Environment}.json, over
// both the environment variables. The format is that of the .NET product, so
// its files can be used as they are.
//
// It reads and checks our own sections and leaves everybody else's alone. It
// does not decide which secret provider is in force (package host/catalog
// does), does not look into a provider's own configuration, and does not open
// the database or any file other than the two settings files.
//
// Start reading at [Load] and [Settings].
package appsettings
