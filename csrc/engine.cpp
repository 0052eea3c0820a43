namespace recstream {}
