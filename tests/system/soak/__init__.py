"""A server under everything at once, for as long as one likes: is what it takes the same at the end as at the start?"""
