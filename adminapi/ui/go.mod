// No Go is in here. The file keeps the folder, and npm's below it, out of the
// module around it.
module github.com/identitymesh/identitymesh/adminapi/ui

go 1.26
