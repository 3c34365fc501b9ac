module github.com/identitymesh/identitymesh/tools/secretscli

go 1.26.0

require github.com/identitymesh/identitymesh/sdk v0.1.0

replace github.com/identitymesh/identitymesh/sdk => ../../sdk
