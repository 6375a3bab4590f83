"""Reading forums: engines, the crawl, and its manners."""
