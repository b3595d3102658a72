package overlap

const pure = true
