// Package property holds the test that a migration keeps its promises whatever
// happens at whichever step: no ref becomes unreadable in the store in force, no newer
// value is replaced by an older one, none is lost, and no value is written anywhere
// but into a store.
//
// It has no code of its own. Start reading at TestMigrationKeepsItsPromises.
package property
